/** What operators see and decide of billing: the stop of every removal, and what happened to one name. */
import type { Sql } from "postgres";
import { beginHalt, endHalt, findHalt } from "../db/halt.ts";
import { listLedger } from "../db/ledger.ts";
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
