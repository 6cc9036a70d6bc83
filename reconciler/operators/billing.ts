/** What operators see and decide of billing: the stop of every removal, and what happened to one name. */
import type { Sql } from "postgres";
import { leaveAccount } from "../db/billing-accounts.ts";
import { beginHalt, endHalt, findHalt } from "../db/halt.ts";
import { clearVotesOf } from "../db/instances.ts";
import { listLedger } from "../db/ledger.ts";
import { renewGrace } from "../db/subscriptions.ts";
import { permanent } from "../errors.ts";
import { refused } from "./problems.ts";

export type HaltAnswer = { by: string; reason: string | null; since: string } | null;

export type HistoryEntry = {
  at: string;
  kind: "status" | "wanted" | "reached";
  value: string;
  detail: string | null;
  subscription: string;
};

export type BillingOperators = {
  readHalt(): Promise<HaltAnswer>;
  /** The first one stands until it is ended. */
  halt(input: { reason: string | null; actor: string }): Promise<void>;
  /** False when there was none. */
  endHalt(): Promise<boolean>;
  /**
   * Leaves the account that bills the fleet by this provider: the key of another one is taken after a restart, and nothing
   * that was read before counts against anybody. @throws not_found when nobody bills by it
   */
  moveBilling(input: { provider: string }): Promise<void>;
  /** Oldest first; of everybody who ever had the name. */
  readHistory(slug: string, limit: number): Promise<HistoryEntry[]>;
};

/** What was ordered now would wait unseen until the stop ends. @throws conflict */
export async function refuseWhileHalted(sql: Sql): Promise<void> {
  const stop = await findHalt(sql);
  if (!stop) return;
  const why = stop.reason === null ? "" : `: ${stop.reason}`;
  throw refused(
    `${stop.by} stopped every removal${why}`,
    "fleet halt --end first, or wait until it is ended",
  );
}

export function createBillingOperators({
  sql,
  clock,
}: {
  sql: Sql;
  clock: { now(): Date };
}): BillingOperators {
  return {
    async readHalt() {
      const halt = await findHalt(sql);
      return halt ? { ...halt, since: halt.since.toISOString() } : null;
    },
    halt: ({ reason, actor }) => beginHalt(sql, { by: actor, reason, since: clock.now() }),
    endHalt: () => endHalt(sql),
    async moveBilling({ provider }) {
      const now = clock.now();
      await sql.begin(async (tx) => {
        if (!(await leaveAccount(tx, provider, now))) throw billsNobody(provider);
        await renewGrace(tx, provider, now);
        await clearVotesOf(tx, provider);
      });
    },
    async readHistory(slug, limit) {
      const rows = await listLedger(sql, slug, limit);
      return rows.toReversed().map(({ at, kind, value, detail, subscriptionId }) => ({
        at: at.toISOString(),
        kind,
        value,
        detail,
        subscription: subscriptionId,
      }));
    },
  };
}

function billsNobody(provider: string) {
  return permanent(
    "not_found",
    `no account of ${provider} has billed this fleet`,
    "put its key in and restart: the first one decides",
  );
}
