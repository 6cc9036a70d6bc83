/** Rows of `clawfleet.billing_accounts`: which account of each provider bills this fleet, and whether with real money. */
import type { Query } from "./database.ts";

export type BillingAccount = {
  /** null: the fleet has left its account, and waits for the key of another one. */
  livemode: boolean | null;
  /** null: the provider or the key's rights do not say. */
  account: string | null;
  leftLivemode: boolean | null;
  leftAccount: string | null;
  /** Readings of a smaller order are of an account before. */
  epoch: number;
  movedAt: Date | null;
};

const columns = (sql: Query) => sql`
  livemode, account, left_livemode as "leftLivemode", left_account as "leftAccount", epoch, moved_at as "movedAt"`;

export async function findAccount(sql: Query, provider: string): Promise<BillingAccount | undefined> {
  const [row] = await sql<BillingAccount[]>`
    select ${columns(sql)} from clawfleet.billing_accounts where provider = ${provider}`;
  return row;
}

/** The first one decides, until the fleet moves. Returns what was decided. */
export async function claimAccount(
  sql: Query,
  claim: { provider: string; livemode: boolean; account: string | null; now: Date },
): Promise<BillingAccount | undefined> {
  const [row] = await sql<BillingAccount[]>`
    insert into clawfleet.billing_accounts as b (provider, livemode, account, since)
    values (${claim.provider}, ${claim.livemode}, ${claim.account}, ${claim.now})
    on conflict (provider) do update set
      livemode = coalesce(b.livemode, excluded.livemode),
      since = case when b.livemode is null then excluded.since else b.since end,
      account = case
        when b.livemode is null then excluded.account
        when b.livemode = excluded.livemode then coalesce(b.account, excluded.account)
        else b.account end
    returning ${columns(sql)}`;
  return row;
}

/** Leaves the account. A second time takes the first one back: then the key of any account will do. False: it has none. */
export async function leaveAccount(sql: Query, provider: string, now: Date): Promise<boolean> {
  const rows = await sql`
    update clawfleet.billing_accounts set
      livemode = null, account = null, left_livemode = livemode, left_account = account,
      epoch = nextval('clawfleet.reading_order'), moved_at = ${now}
    where provider = ${provider}
    returning provider`;
  return rows.length === 1;
}
