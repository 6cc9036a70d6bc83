/** Plans as they come about: decided here, previewed by workers, complete when the last preview has ended. */
import { createHash } from "node:crypto";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { removesServer } from "../desired/desire.ts";
import { listLivedIn } from "../desired/lived-in.ts";
import type { StackFiles } from "../desired/stack-files.ts";
import { listCells } from "../db/cells.ts";
import {
  completePlan,
  findPlan,
  insertPlan,
  insertPlanCustomers,
  isPreviewing,
  listPlanCustomers,
  settleLostPreviews,
  type PlanCustomerRow,
  type PlanPurpose,
  type PlanRow,
} from "../db/plans.ts";
import type { PriceList } from "../cloud/hetzner-inventory.ts";
import type { Query } from "../db/database.ts";
import { listInventories } from "../db/inventories.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import { chooseExamples } from "./examples.ts";
import { findChanges, type ChangedCustomer, type FleetMember } from "./changes.ts";
import { monthlyCost } from "./costs.ts";
import { toDecisions, type CoveredPlan } from "./coverage.ts";
import type { ChangedTexts } from "./git.ts";
import { overlayFiles } from "./overlay.ts";
import { hashPlan, type FleetPlan } from "./plan.ts";
import { proposeDesired, type ProposedRow } from "./propose.ts";

export type PlanInput = {
  purpose: PlanPurpose;
  base: string;
  head: string;
  pullRequest: number | null;
  actor: string;
  texts: ChangedTexts;
  labels?: readonly string[];
  /** Of customers whom a change of plans.yaml alone concerns; the others are always previewed. */
  maxPreviews: number;
  /** What is wrong beyond the files, such as a conflict. */
  problems?: readonly string[];
};

/** For messages: what people see in their checkout. */
export const stacksFolder = "stacks";

/** As it would be decided now, before anything is previewed. */
async function decidePlan(deps: ApplyDeps, input: Pick<PlanInput, "texts" | "problems">) {
  const current = await deps.files();
  const before = overlayFiles(current, input.texts.base, stacksFolder);
  const after = overlayFiles(current, input.texts.head, stacksFolder);
  const { customers, settings, problems } = findChanges(before, after, await listMembers(deps.sql));
  const known = customers.filter(({ unknown }) => !unknown).map(({ slug }) => slug);
  const proposal = await proposeDesired(deps, after, known);
  const pricesOf = new Map((await listInventories(deps.sql)).map((one) => [one.account, one.prices]));
  const rows = customers.map((customer) => toCustomerRow(customer, proposal, after, pricesOf));
  const own = new Set(customers.filter(({ ownChange }) => ownChange).map(({ slug }) => slug));
  const broken = problems.filter((problem) => !isOld(current, problem));
  const livedIn = listLivedIn(await listCells(deps.sql), before.cells, after.cells);
  const all = [...(input.problems ?? []), ...broken, ...livedIn, ...proposal.complaints];
  return { rows, own, settings, problems: all, proposed: proposal.after };
}

/** Decides, writes down and queues. Returns the plan's id; it may be complete at once. */
export async function createPlan(deps: ApplyDeps, input: PlanInput): Promise<number> {
  const { rows: all, own, settings, problems, proposed } = await decidePlan(deps, input);
  const candidates = all.map((row) => ({ row, ownChange: own.has(row.slug) }));
  const rows = chooseExamples(candidates, input.maxPreviews);
  return await deps.sql.begin(async (tx) => {
    const { purpose, base, head, pullRequest, actor } = input;
    const id = await insertPlan(tx, {
      purpose,
      base,
      head,
      pullRequest,
      actor,
      digest: digestTexts(input),
      labels: input.labels ?? [],
      settings,
      problems,
      now: deps.clock.now(),
    });
    await insertPlanCustomers(tx, id, rows);
    const jobs = rows.flatMap((row) => toPreviewJob(id, row, proposed, actor));
    if (jobs.length > 0) await deps.queue.enqueueConverge(tx, jobs);
    await finishPlan(tx, id, deps.clock.now());
    return id;
  });
}

/** Whether a plan of the same files decides about somebody in a way that this one does not show, or shows who has left: it is worth making it anew. */
export async function hasFleetMoved(
  deps: ApplyDeps,
  planId: number,
  input: Pick<PlanInput, "texts" | "problems">,
): Promise<boolean> {
  const [{ rows }, shown] = await Promise.all([decidePlan(deps, input), listPlanCustomers(deps.sql, planId)]);
  const hashes = new Map(shown.map(({ slug, desired }) => [slug, desired]));
  const [decisions, known] = [toDecisions(rows), new Set(toDecisions(shown).values())];
  const hasLeft = shown.some(({ slug }) => !decisions.has(slug));
  return (
    hasLeft ||
    rows.some(({ slug, desired }) => hashes.get(slug) !== desired && !known.has(decisions.get(slug) ?? ""))
  );
}

/** A file that was broken before is not this change's fault. */
function isOld(current: StackFiles, problem: string): boolean {
  return [...current.broken.values()].includes(problem);
}

/** The same question twice needs no second answer, as long as nobody asks what the clouds say now. */
export function digestTexts({ texts, problems = [] }: Pick<PlanInput, "texts" | "problems">): string {
  const sorted = (side: ChangedTexts["base"]) => [...side].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([sorted(texts.base), sorted(texts.head), problems]);
  return createHash("sha256").update(text).digest("hex");
}

async function listMembers(sql: Query): Promise<FleetMember[]> {
  return await sql<FleetMember[]>`
    select i.slug, i.plan, i.provider, coalesce(s.price_keys, '{}') as "priceKeys"
    from clawfleet.instances i
    left join clawfleet.subscriptions s on s.provider = i.provider and s.id = i.subscription_id
    where i.status <> 'gone'`;
}

/** Of whom nothing is to be previewed the result is known here. */
function toCustomerRow(
  { slug, why, unknown }: ChangedCustomer,
  { before, after }: { before: Map<string, ProposedRow>; after: Map<string, ProposedRow> },
  files: StackFiles,
  pricesOf: ReadonlyMap<string, PriceList>,
): PlanCustomerRow {
  const [old, row] = [before.get(slug), after.get(slug)];
  const current = old?.built === true ? toServer(old) : null;
  const costBefore = monthlyCost(current, pricesOf.get(old?.account ?? ""));
  const common = { slug, why, current, desired: row?.desiredHash ?? "", proposal: null, example: null };
  const settled = (note: string, { lost } = { lost: false }) => ({
    ...common,
    why: [...why, note],
    result: {
      steps: lost ? [{ resource: "server", op: "delete" as const }] : [],
      diff: "",
      costBefore,
      costAfter: lost ? 0 : costBefore,
      error: null,
    },
  });
  if (unknown || !row) return settled("nobody of this name lives: nothing happens yet");
  if (files.overrides.get(slug)?.hold === true) return settled("held: nothing is done while it is");
  if (row.cell === null) return settled("it waits for room: nothing is built yet");
  // Billing's word, which the files do not change: no server is lost by them.
  if (removesServer(row.phase) && old?.phase === row.phase && (row.phase === "gone" || old.built))
    return settled("it is taken away already, whatever the files say");
  if (row.phase === "gone") return settled("it is deleted", { lost: true });
  if (row.phase === "archived" && current === null) return settled("it is archived: it has no machine");
  if (row.phase === "archived")
    return settled("its server becomes a snapshot, which is paid by its size", { lost: true });
  const { phase, planSettings: plan, override, serverType, location } = row;
  return {
    ...common,
    proposal: { phase, plan, override, placement: { serverType, location } },
    result: null,
  };
}

function toServer({ override, planSettings, ...row }: ProposedRow) {
  return {
    serverType: override.serverType ?? row.serverType,
    location: override.location ?? row.location,
    backups: planSettings.backups,
  };
}

function toPreviewJob(
  planId: number,
  { slug, example, result }: PlanCustomerRow,
  rows: ReadonlyMap<string, ProposedRow>,
  actor: string,
): ConvergeJob[] {
  const row = rows.get(slug);
  if (!row || row.cell === null || result !== null || example !== null) return [];
  const { id: instanceId, cell } = row;
  return [{ stack: slug, instanceId, cell, kind: "preview", reason: "pull-request", actor, planId }];
}

/** When nothing is left to preview. Returns whether it is complete now and was not before. */
export async function finishPlan(sql: Query, planId: number, now: Date): Promise<boolean> {
  await sql`select 1 from clawfleet.plans where id = ${planId} for update`;
  const plan = await findPlan(sql, planId);
  if (!plan || plan.completedAt !== null) return false;
  // Asked after each of many previews: the whole is put together once.
  if (await isPreviewing(sql, planId)) return false;
  const whole = await toFleetPlan(sql, plan);
  if (!whole) return false;
  await completePlan(sql, planId, { hash: hashPlan(whole), now });
  return true;
}

/** A job that failed too often, or that was deleted: its customer is planned again as after any failure that may be over. */
export async function endLostPreviews({ sql, clock, log }: ApplyDeps): Promise<void> {
  const result = { steps: [], diff: "", costBefore: null, costAfter: null } as const;
  await sql.begin(async (tx) => {
    const plans = await settleLostPreviews(tx, { ...result, error: "its preview was lost", again: true });
    for (const id of plans) await finishPlan(tx, id, clock.now());
    if (plans.length > 0) log.warn({ plans }, "previews were lost, and count as failed");
  });
}

/** undefined while a preview is under way. */
export async function toFleetPlan(sql: Query, plan: PlanRow): Promise<FleetPlan | undefined> {
  const rows = await listPlanCustomers(sql, plan.id);
  const results = new Map(rows.map(({ slug, result }) => [slug, result]));
  const customers = rows.flatMap(({ slug, why, desired, example, result }) => {
    if (result !== null) return [{ slug, why, desired, ...result }];
    const standIn = results.get(example ?? "");
    return standIn ? [{ slug, why, desired, ...standIn, diff: "", example: example ?? undefined }] : [];
  });
  if (customers.length < rows.length) return undefined;
  const { base, head, settings, problems } = plan;
  return { base, head, customers, settings, problems };
}

/** For a comparison with another plan; undefined while a preview is under way. */
export async function readCovered(sql: Query, plan: PlanRow): Promise<CoveredPlan | undefined> {
  const whole = await toFleetPlan(sql, plan);
  if (!whole) return undefined;
  return {
    plan: whole,
    digest: plan.digest,
    decisions: toDecisions(await listPlanCustomers(sql, plan.id)),
  };
}
