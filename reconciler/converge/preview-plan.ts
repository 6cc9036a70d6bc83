/** One customer's preview for a plan: of what the plan proposes, with the clouds read anew, its result in the plan's row. */
import { proposalSchema, type ProposedInputs } from "../../infra/runner-protocol.ts";
import type { PriceList } from "../cloud/hetzner-inventory.ts";
import { findConvergeRow, type ConvergeRow } from "../db/observed.ts";
import {
  findPlanCustomer,
  isUnwanted,
  recordPlanCustomer,
  replaceExample,
  type CustomerResult,
  type PlanCustomerRow,
} from "../db/plans.ts";
import { isClawfleetError, messageOf, type Retry } from "../errors.ts";
import { monthlyCost } from "../gitops/costs.ts";
import { finishPlan } from "../gitops/plans.ts";
import { toSteps } from "../gitops/steps.ts";
import { listPlannedSteps } from "../operations/rows.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import type { ConvergeDeps } from "./converge-instance.ts";
import { findUnknownDomain } from "./names.ts";
import { foreseePlace, wayNotes } from "./places.ts";
import { describeRun, requireClaim, runOperation, type OperationDeps } from "./run-operation.ts";

export type PreviewPlanDeps = OperationDeps &
  Pick<ConvergeDeps, "cloudsOf"> & {
    queue: Queue;
    pricesOf(account: string): Promise<PriceList>;
  };

export async function previewForPlan(
  deps: PreviewPlanDeps,
  job: ConvergeJob & { planId: number },
  signal: AbortSignal,
): Promise<void> {
  const { sql, queue, clock } = deps;
  const customer = await findPlanCustomer(sql, job.planId, job.stack);
  if (!customer || customer.result !== null) return;
  const result = (await isUnwanted(sql, job.planId))
    ? failed("nobody waits for it: a newer plan of the request takes its place, or the request is closed")
    : await tryPreview(deps, job, customer, signal);
  // In one transaction with what follows: a plan whose last preview has ended is never left behind.
  await sql.begin(async (tx) => {
    await recordPlanCustomer(tx, job.planId, customer.slug, result);
    if (result === left) {
      const next = await replaceExample(tx, job.planId, customer.slug);
      if (next) await queue.enqueueConverge(tx, { ...job, ...next });
    }
    if (await finishPlan(tx, job.planId, clock.now()))
      await queue.requestGitops(tx, { kind: "plan", planId: job.planId });
  });
}

/** Whatever stands in the way of one preview is its customer's result: a plan that never ends would keep every later commit waiting. */
async function tryPreview(
  deps: PreviewPlanDeps,
  job: ConvergeJob & { planId: number },
  customer: PlanCustomerRow,
  signal: AbortSignal,
): Promise<CustomerResult> {
  try {
    return await preview(deps, job, customer, signal);
  } catch (error) {
    // After a stop or a lost claim the job comes back, and the customer is previewed then.
    if (signal.aborted) throw error;
    await requireClaim(deps);
    deps.log.warn({ stack: job.stack, plan: job.planId, err: error }, "a customer could not be previewed");
    const retry = isClawfleetError(error) ? error.retry : ({ kind: "retryable" } as const);
    return failed(deps.redact(messageOf(error)), retry);
  }
}

async function preview(
  deps: PreviewPlanDeps,
  job: ConvergeJob & { planId: number },
  customer: PlanCustomerRow,
  signal: AbortSignal,
): Promise<CustomerResult> {
  const row = await findConvergeRow(deps.sql, job.instanceId ?? "");
  if (!row || row.status === "gone") return left;
  const { proposal, note } = await foresee(deps, row, proposalSchema.parse(customer.proposal), job);
  const unknown = findUnknownDomain({ ...row, override: proposal.override });
  if (unknown !== undefined)
    return failed(
      `the cell ${row.cell} has not looked up the zone of ${unknown}: bring clawfleet:customZones in before it`,
    );
  let operationId = 0;
  const outcome = await runOperation(
    deps,
    {
      kind: "preview",
      ...describeRun(job, row),
      refresh: true,
      proposal,
      onBegin: (id) => (operationId = id),
    },
    signal,
  );
  if (outcome.kind === "interrupted") throw new Error(outcome.why);
  if (outcome.kind === "failed") return failed(outcome.failure.message, outcome.failure.retry);
  const prices = await deps.pricesOf(row.account).catch(() => undefined);
  const { plan, override, placement } = proposal;
  const after = {
    serverType: override.serverType ?? placement.serverType,
    location: override.location ?? placement.location,
    backups: plan.backups,
  };
  return {
    steps: toSteps(await listPlannedSteps(deps.sql, operationId)),
    diff: deps.redact(outcome.outcome.diff ?? ""),
    costBefore: monthlyCost(customer.current, prices),
    costAfter: monthlyCost(after, prices),
    error: null,
    ...(note === undefined ? {} : { note }),
  };
}

/** A converge may choose another server type than the rows propose, because of the disk that there is: the preview is of that one. */
async function foresee(
  deps: PreviewPlanDeps,
  row: ConvergeRow,
  proposal: ProposedInputs,
  { reason }: ConvergeJob,
): Promise<{ proposal: ProposedInputs; note: string | undefined }> {
  const { plan, override, placement } = proposal;
  const proposed = { ...row, planSettings: plan, override, ...placement };
  const { place, way } = await foreseePlace(deps, proposed, reason);
  return { proposal: { ...proposal, placement: place }, note: wayNotes[way] };
}

/** Who leaves while the preview waits is no reason against a change. */
const left: CustomerResult = {
  steps: [],
  diff: "",
  costBefore: 0,
  costAfter: 0,
  error: null,
  note: "it is gone meanwhile: nothing happens",
};

function failed(error: string, retry: Retry = { kind: "permanent" }): CustomerResult {
  const again = retry.kind === "permanent" ? {} : { again: true as const };
  return { steps: [], diff: "", costBefore: null, costAfter: null, error, ...again };
}

export function isPlanJob(job: ConvergeJob): job is ConvergeJob & { planId: number } {
  return job.planId !== undefined;
}
