/** A provider that is asked only with the key of the account that bills this fleet: another one lists other customers. */
import type { Sql } from "postgres";
import { claimAccount, findAccount, type BillingAccount } from "../db/billing-accounts.ts";
import { ClawfleetError } from "../errors.ts";
import type { BillingProvider } from "./provider.ts";

/** Looked at before every question; the provider itself is asked once for each account that the fleet has had. */
export function keepToOwnAccount(
  deps: { sql: Sql; clock: { now(): Date } },
  provider: BillingProvider,
): BillingProvider {
  const startedAt = deps.clock.now();
  let ownEpoch: number | undefined;
  async function check(): Promise<void> {
    const { name, livemode } = provider;
    const known = await findAccount(deps.sql, name);
    if (known && known.livemode !== null && known.epoch === ownEpoch) return;
    const key = { livemode, account: await provider.readAccount() };
    if (known?.livemode === null) refuseLeft(name, known, key, startedAt);
    const ours = await claimAccount(deps.sql, { provider: name, ...key, now: deps.clock.now() });
    if (ours) refuseOther(name, ours, key);
    ownEpoch = ours?.epoch;
  }
  return {
    ...provider,
    async *listSubscriptions(signal) {
      await check();
      yield* provider.listSubscriptions(signal);
    },
    async readCustomerSubscriptions(customerId) {
      await check();
      return await provider.readCustomerSubscriptions(customerId);
    },
    async createCheckout(request) {
      await check();
      return await provider.createCheckout(request);
    },
  };
}

type Key = { livemode: boolean; account: string | null };

/** Before the new key is claimed: the old one still is in the environment of whoever was not restarted. */
function refuseLeft(name: string, left: BillingAccount, key: Key, startedAt: Date): void {
  const { leftAccount, leftLivemode, movedAt } = left;
  if (movedAt !== null && startedAt <= movedAt)
    throw foreign(name, "the fleet has left its account; put the key of the new one in and restart");
  if (leftAccount !== null && leftAccount === key.account && leftLivemode === key.livemode)
    throw foreign(name, `it is of the account ${leftAccount}, which this fleet has left`);
}

function refuseOther(name: string, ours: BillingAccount, { livemode, account }: Key): void {
  if (ours.livemode !== livemode) throw foreign(name, `it is for ${livemode ? "real" : "test"} money`);
  if (ours.account !== null && account !== null && ours.account !== account)
    throw foreign(name, `it is of the account ${account}, and ${ours.account} bills this fleet`);
}

function foreign(provider: string, why: string): ClawfleetError {
  return new ClawfleetError({
    code: "billing_unavailable",
    message: `the key of ${provider} is not this fleet's: ${why}; nothing is read or sold with it`,
    remedy: `put the right key in; to move the fleet to another account: fleet billing move ${provider}`,
    retry: { kind: "retryable" },
  });
}
