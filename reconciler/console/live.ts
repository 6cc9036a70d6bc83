/** What happens to one instance, as it happens: lines of its log, and a word whenever its page would read otherwise. */
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { Sql } from "postgres";
import { findFleetInstanceById } from "../db/fleet.ts";
import { findInstanceFacts, listLogAfter, listTimeline, type LogPosition } from "../db/instance-facts.ts";
import type { OperationWatch } from "../operations/watch.ts";
import { formatPosition } from "./log-list.tsx";

export type LiveDeps = {
  sql: Sql;
  watch: OperationWatch;
  /** The reader is still signed in. */
  mayRead(): Promise<boolean>;
};

/** The browser begins again by itself where it was. */
const longestMs = 15 * 60_000;
/** A change of the row alone is announced by nobody. */
const lookMs = 1_500;
const beatMs = 15_000;
const batch = 500;

export function streamInstance(
  c: Context,
  deps: LiveDeps,
  { id, slug, from }: { id: string; slug: string; from: LogPosition },
): Response {
  // A proxy that collects answers would hold the lines back.
  c.header("x-accel-buffering", "no");
  return streamSSE(c, async (stream) => {
    const end = Date.now() + longestMs;
    let at = from;
    let seen: string | undefined;
    let spoke = 0;
    while (!stream.aborted && !stream.closed && Date.now() < end) {
      if (!(await deps.mayRead())) return await stream.writeSSE({ event: "ended", data: "" });
      const lines = await listLogAfter(deps.sql, id, at, batch);
      for (const line of lines) {
        at = { operation: line.operation, seq: line.seq };
        const { operation, kind, message } = line;
        const data = JSON.stringify({ operation, kind, message, at: line.at.toISOString() });
        await stream.writeSSE({ event: "line", id: formatPosition(at), data });
      }
      const now = await describe(deps.sql, id);
      const changed = seen !== undefined && now.text !== seen;
      if (changed) await stream.writeSSE({ event: "changed", data: now.status });
      seen = now.text;
      if (Date.now() - spoke > beatMs) {
        await stream.writeSSE({ event: "beat", data: now.status });
        spoke = Date.now();
      }
      if (lines.length < batch) await deps.watch.wait(slug, lookMs);
    }
  });
}

/** Whatever the page shows of it, apart from ages. */
async function describe(sql: Sql, id: string): Promise<{ status: string; text: string }> {
  const [instance, facts, [last]] = await Promise.all([
    findFleetInstanceById(sql, id),
    findInstanceFacts(sql, id),
    listTimeline(sql, id, { before: undefined, limit: 1 }),
  ]);
  const health = instance?.health && {
    verdict: instance.health.verdict,
    detail: instance.health.detail,
    step: instance.health.step,
    needsPerson: instance.health.needsPerson,
  };
  const status = instance?.status ?? "gone";
  return { status, text: JSON.stringify([{ ...instance, health }, facts, last?.id, last?.outcome]) };
}
