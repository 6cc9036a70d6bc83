/** What operators do to a machine by hand: the steps of healing, taken whatever its readings say. */
import type { Sql } from "postgres";
import { instanceOutputsSchema } from "../../infra/outputs.ts";
import { findLocated } from "../db/health.ts";
import { findInstance } from "../db/instances.ts";
import { isPausedNow } from "../db/pauses.ts";
import type { Rung } from "../health/decide.ts";
import type { Queue } from "../queue/queue.ts";
import { refuseWhileHalted } from "./billing.ts";
import { held, notFound, refused } from "./problems.ts";

export type StepOrder = { slug: string; step: Rung; actor: string };

export type TakeStep = (order: StepOrder) => Promise<void>;

/** Of `rebuild` the operation is an `up`; of the others it has the step's own name. @throws not_found, conflict */
export function createTakeStep({ sql, queue }: { sql: Sql; queue: Queue }): TakeStep {
  return async ({ slug, step, actor }) => {
    const row = await findInstance(sql, slug);
    if (!row) throw notFound(slug);
    if (row.override.hold === true) throw held(slug);
    if (await isPausedNow(sql, slug))
      throw refused(`${slug} is paused`, `fleet resume ${slug}, or fleet resume for the whole fleet`);
    if (step === "rebuild") await refuseWhileHalted(sql);
    const reachable = row.phase === "running" || (row.phase === "suspended" && step !== "restart");
    const outputs = instanceOutputsSchema.safeParse((await findLocated(sql, row.id))?.outputs);
    if (row.cell === null || !outputs.success || !reachable)
      throw refused(
        `${slug} has nothing to ${step}: it is ${row.phase}, ${row.status}`,
        `fleet show ${slug} says what it waits for`,
      );
    await queue.enqueueConverge(sql, {
      stack: slug,
      instanceId: row.id,
      cell: row.cell,
      kind: "heal",
      heal: { asked: true, step, server: outputs.data.serverId },
      reason: "operator",
      actor,
    });
  };
}
