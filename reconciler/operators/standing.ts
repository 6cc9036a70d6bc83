/** What operators order about one instance that stands until it is taken back: suspended, paused. */
import { toCellJob } from "../converge/jobs.ts";
import { listReleasedCells } from "../db/cell-status.ts";
import { findInstance, type InstanceRow } from "../db/instances.ts";
import { intervene, withdraw } from "../db/interventions.ts";
import { everybody, listPauses, listReleased, pause, unpause } from "../db/pauses.ts";
import { listSubscriptionsFor } from "../db/subscriptions.ts";
import { applyDesired } from "../desired/apply.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { permanent, type ClawfleetError } from "../errors.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import { refuseWhileHalted } from "./billing.ts";
import { refuseWhileLeftAlone, whyLeftAlone } from "./left-alone.ts";
import { notFound, refused } from "./problems.ts";

export type PauseAnswer = { scope: string; actor: string; since: string };
export type LeftAlone = { message: string; remedy: string | null };

export type StandingOperators = {
  /** Whatever billing says; data is kept. @throws not_found, conflict */
  suspend(input: { slug: string; actor: string }): Promise<void>;
  /** Takes a suspension back, or a deprovision that kept the data; what billing says counts again. @throws not_found, conflict */
  resume(input: { slug: string; actor: string }): Promise<void>;
  /** Why no run changes anything of it for now; null when one may. */
  whyLeftAlone(slug: string): Promise<LeftAlone | null>;
  listPauses(): Promise<PauseAnswer[]>;
  /** `slug` null: everybody. Runs that are under way go on. @throws not_found */
  pause(input: { slug: string | null; actor: string }): Promise<void>;
  /** @throws not_found when nothing was paused */
  unpause(input: { slug: string | null; actor: string }): Promise<void>;
};

export function createStandingOperators(deps: ApplyDeps): StandingOperators {
  const { sql, clock, queue } = deps;
  const mustFind = async (slug: string): Promise<InstanceRow> => {
    const row = await findInstance(sql, slug);
    if (!row) throw notFound(slug);
    return row;
  };
  const subscriptionsOf = async (row: InstanceRow) => {
    const own = (await listSubscriptionsFor(sql, [row.slug])).filter(
      (one) => one.customerId === row.customerId,
    );
    return [{ provider: row.provider, id: row.subscriptionId }, ...own];
  };
  const apply = (slug: string, actor: string) =>
    applyDesired(deps, { kind: "slugs", slugs: [slug], reason: "operator", actor });
  return {
    async suspend({ slug, actor }) {
      const row = await mustFind(slug);
      await refuseWhileLeftAlone(sql, row);
      await refuseWhileHalted(sql);
      for (const { provider, id } of await subscriptionsOf(row))
        await intervene(sql, { provider, subscriptionId: id, phase: "suspended", actor, reason: null });
      await apply(slug, actor);
    },
    async resume({ slug, actor }) {
      const row = await mustFind(slug);
      await refuseWhileLeftAlone(sql, row);
      const subscriptions = await subscriptionsOf(row);
      const taken = await withdraw(sql, subscriptions, ["suspended", "archived"]);
      if (taken === 0)
        throw refused(
          `nobody has suspended ${slug}: it is ${row.phase}, ${row.phaseReason}`,
          `fleet show ${slug} says what it waits for`,
        );
      await apply(slug, actor);
    },
    async whyLeftAlone(slug) {
      const row = await findInstance(sql, slug);
      const why = row && (await whyLeftAlone(sql, row));
      return why ? { message: why.message, remedy: why.remedy ?? null } : null;
    },
    async listPauses() {
      return (await listPauses(sql)).map((row) => ({ ...row, since: row.since.toISOString() }));
    },
    async pause({ slug, actor }) {
      if (slug !== null) await mustFind(slug);
      await pause(sql, { scope: slug ?? everybody, actor, since: clock.now() });
    },
    async unpause({ slug, actor }) {
      const scope = slug ?? everybody;
      await sql.begin(async (tx) => {
        if (!(await unpause(tx, scope))) throw nothingPaused(slug);
        const jobs = (await listReleased(tx, scope)).map(({ id, slug: stack, cell }): ConvergeJob => ({
          stack,
          instanceId: id,
          cell,
          kind: "converge",
          reason: "resync",
          actor,
        }));
        const cells = slug === null ? await listReleasedCells(tx) : [];
        jobs.push(...cells.map((cell) => toCellJob(cell, actor)));
        if (jobs.length > 0) await queue.enqueueConverge(tx, jobs);
      });
    },
  };
}

function nothingPaused(slug: string | null): ClawfleetError {
  return permanent(
    "not_found",
    slug === null ? "the fleet is not paused" : `${slug} is not paused`,
    "fleet pauses shows what is",
  );
}
