/** A provider that is asked only with the key of the account that bills this fleet: another one lists other customers. */
import type { Sql } from "postgres";
import { claimAccount } from "../db/billing-accounts.ts";
import { ClawfleetError } from "../errors.ts";
import type { BillingProvider } from "./provider.ts";

/** Looked at before the first question; of a key that is right, once. */
export function keepToOwnAccount(
  deps: { sql: Sql; clock: { now(): Date } },
  provider: BillingProvider,
): BillingProvider {
  let own = false;
  async function check(): Promise<void> {
    if (own) return;
    const { name, livemode } = provider;
    const account = await provider.readAccount();
    const ours = await claimAccount(deps.sql, { provider: name, livemode, account, now: deps.clock.now() });
    if (ours.livemode !== livemode) throw foreign(name, `it is for ${livemode ? "real" : "test"} money`);
    if (ours.account !== null && account !== null && ours.account !== account)
      throw foreign(name, `it is of the account ${account}, and ${ours.account} bills this fleet`);
    own = true;
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

function foreign(provider: string, why: string): ClawfleetError {
  return new ClawfleetError({
    code: "billing_unavailable",
    message: `the key of ${provider} is not this fleet's: ${why}; nothing is read or sold with it`,
    remedy: "put the right key in; docs/operations.md says how to move a fleet to another account",
    retry: { kind: "retryable" },
  });
}
