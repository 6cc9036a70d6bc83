/** What is wrong now, counted from rows: the same whoever looks. For metrics and alerts. */
import type { Sql } from "postgres";
import { countFindings } from "./db/drift.ts";
import { findDelayed, findRefused } from "./db/git.ts";
import { findHalt } from "./db/halt.ts";
import { countUnread, listBrakes } from "./db/health.ts";
import { countUnplaced } from "./db/instances.ts";
import { listUnserved } from "./db/workers.ts";
import type { AlertKind } from "./messages/alerts.ts";

export type Condition = {
  kind: Extract<
    AlertKind,
    | "cells_full"
    | "no_worker_for_cell"
    | "healing_braked"
    | "not_read"
    | "drift"
    | "push_refused"
    | "push_delayed"
    | "halted"
  >;
  count: number;
  detail: string;
};
export type Conditions = readonly Condition[];

/** A worker that was just restarted is nothing to wake anybody for. */
const dueMs = 30_000;
/** Five readings of the usual interval. */
const unreadMs = 5 * 60_000;
/** A cloud's hiccup is over by then, and several tries were made. */
const delayedMs = 60 * 60_000;

export async function readConditions(sql: Sql): Promise<Conditions> {
  const [unplaced, unserved, brakes, unread, findings, refused, delayed, halt] = await Promise.all([
    countUnplaced(sql),
    listUnserved(sql, dueMs),
    listBrakes(sql),
    countUnread(sql, unreadMs),
    countFindings(sql),
    findRefused(sql),
    findDelayed(sql, delayedMs),
    findHalt(sql),
  ]);
  const braked = brakes
    .map(({ scope, suspected, watched }) => `${scope} (${suspected} of ${watched})`)
    .join(", ");
  const asked = findings.filter(({ action }) => action === "ask");
  const cells = unserved.map(({ cell }) => cell).join(", ");
  return [
    {
      kind: "cells_full",
      count: unplaced,
      detail: `${unplaced} paid for and without a cell: add stacks/Pulumi.cell.<name>.yaml (fleet cells shows the room)`,
    },
    {
      kind: "no_worker_for_cell",
      count: unserved.reduce((sum, { jobs }) => sum + jobs, 0),
      detail: `no worker serves ${cells}: start one that may take it: inside that network (work --cell), with the tokens of its account`,
    },
    {
      kind: "healing_braked",
      count: brakes.reduce((most, { suspected }) => Math.max(most, suspected), 0),
      detail: `many are ill at once, so that nobody is helped: ${braked}; look at the network, the release and the cloud first`,
    },
    {
      kind: "not_read",
      count: unread,
      detail: `${unread} instances were not read for minutes: no worker of their cell is alive, or it has too much to read`,
    },
    {
      kind: "drift",
      count: asked.reduce((sum, { count }) => sum + count, 0),
      detail: "another hand changed what nobody may put back unasked: fleet drift",
    },
    {
      kind: "push_refused",
      count: refused.length,
      detail: `not applied: ${refused.join(", ")}; fleet git says why`,
    },
    {
      kind: "push_delayed",
      count: delayed.length,
      detail: `waits for over an hour, and what comes after it too: ${delayed.join(", ")}; fleet git says for what`,
    },
    {
      kind: "halted",
      count: halt ? 1 : 0,
      detail: `${halt?.by ?? "nobody"} stopped every removal${halt?.reason ? `: ${halt.reason}` : ""}; fleet halt --end ends it`,
    },
  ];
}
