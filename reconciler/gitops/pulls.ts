/** One pull request: planned as it would be merged now, and what people see of it: one comment and one check. */
import { createHash } from "node:crypto";
import { findApplied, findPull, savePull, type PullRow } from "../db/git.ts";
import { findPlan, type PlanRow } from "../db/plans.ts";
import { commentMarker, renderComment } from "./comment.ts";
import { findHindrances } from "./gate.ts";
import { mergeTree, readChanges, resolveCommit, type ChangedTexts } from "./git.ts";
import type { Pull } from "./github.ts";
import { hashPlan } from "./plan.ts";
import { createPlan, digestTexts, hasFleetMoved, toFleetPlan } from "./plans.ts";
import type { ForgeDeps, GitopsDeps } from "./deps.ts";

/** Against another branch it concerns nobody here. */
export async function syncPull(deps: ForgeDeps, pull: Pull): Promise<void> {
  if (!pull.open || pull.base !== deps.settings.branch) return;
  const applied = await findApplied(deps.sql);
  if (applied === undefined) return;
  const change = await readPullChange(deps, applied, pull);
  const known = await findPull(deps.sql, pull.number);
  const row: PullRow = known ?? {
    number: pull.number,
    head: pull.head,
    planId: null,
    commentId: null,
    checkId: null,
    checkHead: null,
    published: null,
    shownPlanId: null,
    shownAt: null,
  };
  const plan = row.planId === null ? undefined : await findPlan(deps.sql, row.planId);
  if (
    plan?.head === pull.head &&
    plan.withdrawnAt === null &&
    plan.digest === digestTexts(change) &&
    !(await isWorthAnother(deps, plan)) &&
    !(plan.completedAt && (await hasFleetMoved(deps, plan.id, change)))
  ) {
    await savePull(deps.sql, { ...row, head: pull.head });
    return await publishPull(deps, pull);
  }
  const planId = await createPlan(deps, {
    purpose: "review",
    base: applied,
    head: pull.head,
    pullRequest: pull.number,
    actor: `pull request ${pull.number}`,
    maxPreviews: deps.settings.maxPreviews,
    ...change,
  });
  await savePull(deps.sql, { ...row, head: pull.head, planId });
  await publishPull(deps, pull);
}

/** Those whose merge made this commit. */
export async function findMergedPulls(deps: GitopsDeps, commit: string): Promise<Pull[]> {
  const all = (await deps.github?.listPullsOf(commit)) ?? [];
  return all.filter((pull) => pull.mergedAt !== null && pull.mergeCommit === commit);
}

/** A preview failed for what may be over: it stands until somebody looks again, and not within the same look. */
async function isWorthAnother(deps: GitopsDeps, plan: PlanRow): Promise<boolean> {
  if (plan.completedAt === null) return false;
  if (deps.clock.now().getTime() - plan.completedAt.getTime() < deps.settings.intervalMs / 2) return false;
  const whole = await toFleetPlan(deps.sql, plan);
  return whole?.customers.some(({ again }) => again === true) === true;
}

/** What a merge would change of what the fleet is at; main may be further than that. */
async function readPullChange(
  deps: GitopsDeps,
  applied: string,
  pull: Pull,
): Promise<{ texts: ChangedTexts; problems: string[] }> {
  const { git } = deps.mirror;
  const { branch, folder } = deps.settings;
  const nothing: ChangedTexts = { base: new Map(), head: new Map() };
  // Anybody can open one: it would cost previews of whomever it names, and show their diffs.
  if (pull.fork)
    return { texts: nothing, problems: ["it comes from a fork: push its branch here to have it planned"] };
  const tree = await mergeTree(git, await resolveCommit(git, branch), pull.head);
  if (tree === undefined) {
    return { texts: nothing, problems: [`it conflicts with ${branch}`] };
  }
  return { texts: await readChanges(git, folder, applied, tree), problems: [] };
}

/** Says what is known now; nothing when that was said already. */
export async function publishPull(deps: ForgeDeps, pull: Pull): Promise<void> {
  const row = await findPull(deps.sql, pull.number);
  const plan = await findPlan(deps.sql, row?.planId ?? 0);
  if (!row || !plan) return;
  const said = await describe(deps, pull, plan);
  const published = createHash("sha256").update(JSON.stringify(said)).digest("hex");
  if (row.published === published) return;
  const comment =
    said.body === undefined
      ? undefined
      : await deps.github.say(pull.number, row.commentId, commentMarker, said.body);
  const known = row.checkHead === pull.head ? row.checkId : null;
  const checkId = await deps.github.check(known, { head: pull.head, ...said.check });
  const shown =
    comment && row.shownPlanId !== plan.id ? { shownPlanId: plan.id, shownAt: comment.at } : undefined;
  const commentId = comment?.id ?? row.commentId;
  await savePull(deps.sql, { ...row, ...shown, commentId, checkId, checkHead: pull.head, published });
}

async function describe(deps: ForgeDeps, pull: Pull, row: PlanRow) {
  const plan = await toFleetPlan(deps.sql, row);
  if (!plan) {
    const check = { conclusion: "pending", title: "previewing", summary: "Previews are under way." } as const;
    return { head: pull.head, body: undefined, check };
  }
  const hindrances = findHindrances(plan, pull.labels, deps.settings);
  const conclusion = hindrances.length === 0 ? ("success" as const) : ("failure" as const);
  const title =
    hindrances[0] ?? `${plan.customers.length} customers change, plan ${row.hash ?? hashPlan(plan)}`;
  const body = renderComment(plan, hindrances);
  return { head: pull.head, body, check: { conclusion, title: title.slice(0, 200), summary: body } };
}
