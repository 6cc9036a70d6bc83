/** Rows of `clawfleet.billing_accounts`: which account of each provider bills this fleet, and whether with real money. */
import type { Query } from "./database.ts";

export type BillingAccount = {
  livemode: boolean;
  /** null: the provider or the key's rights do not say. */
  account: string | null;
};

/** The first one decides for ever. Returns what was decided. */
export async function claimAccount(
  sql: Query,
  claim: BillingAccount & { provider: string; now: Date },
): Promise<BillingAccount> {
  const [row] = await sql<BillingAccount[]>`
    insert into clawfleet.billing_accounts as b (provider, livemode, account, since)
    values (${claim.provider}, ${claim.livemode}, ${claim.account}, ${claim.now})
    on conflict (provider) do update set
      account = case when b.livemode = excluded.livemode then coalesce(b.account, excluded.account) else b.account end
    returning livemode, account`;
  return row ?? claim;
}
