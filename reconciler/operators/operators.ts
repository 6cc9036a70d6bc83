/** What operators ask for: give away, take away, run now. Each changes rows and queues; none runs Pulumi. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { isReservedSlug } from "../../components/naming.ts";
import type { SubscriptionReading } from "../billing/provider.ts";
import { claimRepair } from "../db/drift.ts";
import { findInstance } from "../db/instances.ts";
import { intervene } from "../db/interventions.ts";
import { isSlugOrdered } from "../db/orders.ts";
import { isIdle } from "../db/queue-view.ts";
import { beginReading, listSubscriptionsFor, storeReadings } from "../db/subscriptions.ts";
import { applyDesired, applyDesiredIn } from "../desired/apply.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { removesServer } from "../desired/desire.ts";
import { ClawfleetError, permanent } from "../errors.ts";
import {
  findLastOperationId,
  findOperation,
  listEvents,
  listOperations,
  type OperationRow,
} from "../operations/rows.ts";
import { askForLink, type AskDeps } from "../sign-in/ask.ts";
import { createBillingOperators, refuseWhileHalted } from "./billing.ts";
import { applyCell, drainCell, readCells } from "./cells.ts";
import { askForLooks } from "./doctor.ts";
import { createDriftOperators } from "./drift.ts";
import { changeEnvironment } from "./environment.ts";
import { refuseWhileLeftAlone, refuseWhilePaused } from "./left-alone.ts";
import type { MoneyOperators } from "./money.ts";
import { createPlanOperators, type PlansDeps } from "./plans.ts";
import { archived, isArchived, notFound, refused } from "./problems.ts";
import { createStandingOperators } from "./standing.ts";
import { createTakeStep } from "./steps.ts";
import type { AdminDeps } from "../routes/admin.ts";
import type { OperationAnswer } from "../routes/operations.ts";

export type OperatorsDeps = ApplyDeps &
  Pick<PlansDeps, "gitops"> &
  Pick<AskDeps, "sleep"> & { sql: Sql; log: Logger };

/** Provider name of instances that nobody pays for. */
export const compedProvider = "comped";

export function createOperators(
  deps: OperatorsDeps,
): Omit<AdminDeps, "sql" | "keys" | "clock" | "exportState" | "locks" | "examine" | keyof MoneyOperators> {
  const { sql, clock, queue } = deps;
  return {
    ...createBillingOperators(deps),
    operations: {
      list: async (stack, limit) => (await listOperations(sql, stack, limit)).map(toAnswer),
      find: async (id) => {
        const row = await findOperation(sql, id);
        return row && toAnswer(row);
      },
      events: async (id, after) =>
        (await listEvents(sql, id, after)).map((event) => ({ ...event, at: event.at.toISOString() })),
      lastId: () => findLastOperationId(sql),
      isIdle: (stack) => isIdle(sql, stack),
    },
    async requestRun({ slug, kind, refresh, actor }) {
      const row = await findInstance(sql, slug);
      if (!row) throw notFound(slug);
      if (kind === "converge") await refuseWhileLeftAlone(sql, row);
      if (row.cell === null) throw unplaced(slug);
      if (kind === "converge" && isArchived(row)) throw archived(row);
      const { id: instanceId, cell } = row;
      const reason = refresh ? "drift" : "operator";
      await sql.begin(async (tx) => {
        if (refresh && kind === "converge") await claimRepair(tx, instanceId, actor);
        await queue.enqueueConverge(tx, { stack: slug, instanceId, cell, kind, reason, actor });
      });
    },
    async provision({ slug, plan, email, actor }) {
      const { plans } = await deps.files();
      if (!plans[plan])
        throw permanent(
          "input_invalid",
          `there is no plan ${plan}; there are ${Object.keys(plans).join(", ")}`,
        );
      if (isReservedSlug(slug)) throw permanent("input_invalid", `the name ${slug} is reserved`);
      if ((await findInstance(sql, slug)) || (await isSlugOrdered(sql, slug))) {
        throw slugTaken(slug);
      }
      await refuseWhilePaused(sql, slug);
      const reading = giveAway(slug, plan, email, clock.now());
      // In one transaction: no sweep sees what is taken back here, or makes it a moment before.
      await sql.begin(async (tx) => {
        await storeReadings(tx, {
          provider: compedProvider,
          readings: [reading],
          asked: await beginReading(tx, reading.createdAt),
        });
        const scope = { kind: "slugs", slugs: [slug], reason: "operator", actor } as const;
        const { created } = await applyDesiredIn(tx, deps, scope);
        if (created === 0) throw (await findInstance(tx, slug)) ? slugTaken(slug) : notMade(slug);
      });
    },
    standing: createStandingOperators(deps),
    takeStep: createTakeStep(deps),
    askForLooks: (actor) => askForLooks(deps, actor),
    catalogue: async () => (await deps.files()).plans,
    drift: createDriftOperators(deps),
    plans: createPlanOperators(deps),
    readCells: () => readCells(sql),
    drainCell: (input) => drainCell(deps, input),
    applyCell: (input) => applyCell(deps, input),
    async signIn({ slug, actor }) {
      const row = await findInstance(sql, slug);
      if (!row) throw notFound(slug);
      return await askForLink(deps, { instanceId: row.id, slug, actor });
    },
    changeEnvironment: (change) => changeEnvironment(deps, change),
    async deprovision({ slug, keepData = false, actor }) {
      const row = await findInstance(sql, slug);
      if (!row) throw notFound(slug);
      await refuseWhileLeftAlone(sql, row);
      await refuseWhileHalted(sql);
      if (keepData && removesServer(row.phase))
        throw refused(
          `${slug} has no server any more: it is ${row.phase}, ${row.phaseReason}`,
          `fleet deprovision ${slug} deletes what is kept`,
        );
      if (keepData && row.cell === null) throw neverMade(slug);
      const phase = keepData ? "archived" : "gone";
      if (row.provider === compedProvider && !keepData)
        await sql`
        update clawfleet.subscriptions set status = 'canceled', status_since = ${clock.now()}, ended_at = ${clock.now()}
        where provider = ${compedProvider} and id = ${row.subscriptionId}`;
      const own = (await listSubscriptionsFor(sql, [slug])).filter(
        (one) => one.customerId === row.customerId,
      );
      const all = [{ provider: row.provider, id: row.subscriptionId }, ...own];
      for (const { provider, id } of all)
        await intervene(sql, { provider, subscriptionId: id, phase, actor, reason: null });
      await applyDesired(deps, { kind: "slugs", slugs: [slug], reason: "operator", actor });
      const left = await findInstance(sql, slug);
      if (left === undefined || left.phase === phase || left.phase === "gone") return;
      throw permanent(
        "conflict",
        `${slug} is to go, but nothing was queued yet: its file in stacks/ cannot be read`,
        "mend the file; the next sweep goes on by itself",
      );
    },
  };
}

/** The subscription of an instance that nobody pays for. */
function giveAway(slug: string, plan: string, email: string | null, now: Date): SubscriptionReading {
  return {
    id: `comped-${slug}-${now.getTime()}`,
    customerId: `comped-${slug}`,
    email,
    slug,
    orderId: null,
    priceKeys: [plan],
    status: "active",
    createdAt: now,
    periodEnd: null,
    cancelAt: null,
    endedAt: null,
  };
}

function slugTaken(slug: string): ClawfleetError {
  return permanent("slug_taken", `the name ${slug} is taken`);
}

function notMade(slug: string): ClawfleetError {
  return new ClawfleetError({
    code: "conflict",
    message: `${slug} was not made: no cell has room, or an override holds it`,
    remedy: "look at the service's log and at stacks/",
    retry: { kind: "retryable" },
  });
}

function toAnswer(row: OperationRow): OperationAnswer {
  return { ...row, startedAt: row.startedAt.toISOString(), endedAt: row.endedAt?.toISOString() ?? null };
}

function unplaced(slug: string): ClawfleetError {
  return new ClawfleetError({
    code: "conflict",
    message: `${slug} has no cell yet: every one is full`,
    remedy: "add a cell (docs/operations.md, Cells); it goes on by itself",
    retry: { kind: "retryable" },
  });
}

function neverMade(slug: string): ClawfleetError {
  return refused(
    `${slug} has no data that could be kept: it waits for a cell with room`,
    `fleet deprovision ${slug} takes it away`,
  );
}
