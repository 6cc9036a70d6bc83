/** The branch: each commit is planned once more, and applied when that is what was reviewed, else refused. */
import { syncCells } from "../desired/cells.ts";
import { applyDesired } from "../desired/apply.ts";
import {
  decidePush as recordDecision,
  findApplied,
  findPull,
  findPush,
  moveApplied,
  planPush,
} from "../db/git.ts";
import { countPushPlans, findFirstSeen, findPlan, findReview, type PlanRow } from "../db/plans.ts";
import { commentMarker, renderComment } from "./comment.ts";
import { decidePush, type Reviewed } from "./gate.ts";
import { listFirstParents, readChanges, resolveCommit } from "./git.ts";
import type { Pull } from "./github.ts";
import type { FleetPlan } from "./plan.ts";
import { createPlan, toFleetPlan } from "./plans.ts";
import { isWorthAnother } from "./pulls.ts";
import type { GitopsDeps } from "./deps.ts";

/** A cloud that is down refuses nobody's commit; what fails again and again must not hold the next one up. */
const maxTries = 3;

/** Goes on as far as it can: until the last commit, or until a preview is under way. */
export async function syncBranch(deps: GitopsDeps): Promise<void> {
  const { git } = deps.mirror;
  const head = await resolveCommit(git, deps.settings.branch);
  // Read once at the start, so that there is one.
  await deps.files();
  for (let moved = true; moved;) {
    moved = false;
    const applied = await findApplied(deps.sql);
    if (applied === undefined || applied === head) return;
    for (const commit of await listFirstParents(git, applied, head)) {
      const what = await syncCommit(deps, commit, applied);
      if (what === "waits") return;
      moved = what === "applied";
      if (moved) break;
    }
  }
}

async function syncCommit(
  deps: GitopsDeps,
  commit: string,
  basis: string,
): Promise<"waits" | "applied" | "refused"> {
  const push = await findPush(deps.sql, commit, basis);
  if (push?.outcome === "refused") return "refused";
  const planId = push?.planId ?? (await beginPush(deps, commit, basis));
  const row = await findPlan(deps.sql, planId);
  const plan = row && (await toFleetPlan(deps.sql, row));
  if (!row || row.hash === null || !plan) return "waits";
  if (
    plan.customers.some(({ again }) => again === true) &&
    (await countPushPlans(deps.sql, basis, commit)) < maxTries
  ) {
    if (await isWorthAnother(deps, row)) await beginPush(deps, commit, basis);
    return "waits";
  }
  const pulls = await findPulls(deps, commit);
  const reviewed = await listReviews(deps, row, pulls);
  const accepted = push?.acceptedHash ?? null;
  const decision = decidePush({ plan, hash: row.hash }, { reviewed, accepted }, deps.settings);
  const end = { detail: decision.why, now: deps.clock.now() };
  if (!decision.apply) {
    await recordDecision(deps.sql, { commit, basis }, { ...end, outcome: "refused" });
    await tellRefusal(deps, { commit, plan, hash: row.hash, why: decision.why, pulls });
    return "refused";
  }
  await deps.sql.begin(async (tx) => {
    if (!(await moveApplied(tx, { from: basis, to: commit, now: end.now })))
      throw new Error("another process has moved the fleet; the next look goes on from there");
    await recordDecision(tx, { commit, basis }, { ...end, outcome: "applied" });
  });
  deps.log.info({ commit, why: decision.why, customers: plan.customers.length }, "a commit is applied");
  await carryOut(deps, commit, plan);
  return "applied";
}

async function beginPush(deps: GitopsDeps, commit: string, basis: string): Promise<number> {
  const texts = await readChanges(deps.mirror.git, deps.settings.folder, basis, commit);
  const actor = `commit ${commit.slice(0, 12)}`;
  const input = { purpose: "push", base: basis, head: commit, pullRequest: null, actor, texts } as const;
  const planId = await createPlan(deps, { ...input, maxPreviews: deps.settings.maxPreviews });
  await planPush(deps.sql, { commit, basis, planId });
  return planId;
}

/** What a crash leaves undone here is done by the next sweep: it reads the files of the same commit. */
async function carryOut(deps: GitopsDeps, commit: string, plan: FleetPlan): Promise<void> {
  if (plan.settings.some(({ kind }) => kind === "cell")) await syncCells(deps);
  const slugs = plan.customers.map(({ slug }) => slug);
  if (slugs.length === 0) return;
  const actor = `commit ${commit.slice(0, 12)}`;
  await applyDesired(deps, { kind: "slugs", slugs, reason: "pull-request", actor });
}

async function findPulls(deps: GitopsDeps, commit: string): Promise<Pull[]> {
  const all = (await deps.github?.listPullsOf(commit)) ?? [];
  return all.filter((pull) => pull.mergedAt !== null && pull.mergeCommit === commit);
}

/** What people had seen of it before it was merged. Only that counts: a plan that came too late was reviewed by nobody. */
async function listReviews(deps: GitopsDeps, push: PlanRow, pulls: readonly Pull[]): Promise<Reviewed[]> {
  if (!deps.github) return await listReviewsByTexts(deps, push);
  const reviews: Reviewed[] = [];
  for (const { number, head, labels, mergedAt } of pulls) {
    const row = await findPull(deps.sql, number);
    const plan = await findPlan(deps.sql, row?.shownPlanId ?? 0);
    if (!mergedAt || !row?.shownAt || row.shownAt > mergedAt) continue;
    if (plan?.head === head && plan.hash !== null) reviews.push({ number, hash: plan.hash, labels });
  }
  return reviews;
}

/**
 * Without a forge nobody tells what was merged how (a merge commit, a squash, a rebase), but the same texts were asked about,
 * and the whole answer was fetched before the commit was seen on the branch.
 */
async function listReviewsByTexts({ sql }: GitopsDeps, push: PlanRow): Promise<Reviewed[]> {
  const review = await findReview(sql, push.digest);
  const firstSeen = await findFirstSeen(sql, push.head);
  if (!review?.seenAt || review.hash === null || !firstSeen || review.seenAt > firstSeen) return [];
  return [{ number: review.pullRequest, hash: review.hash, labels: review.labels }];
}

type Refusal = { commit: string; plan: FleetPlan; hash: string; why: string; pulls: readonly Pull[] };

async function tellRefusal(deps: GitopsDeps, { commit, plan, hash, why, pulls }: Refusal): Promise<void> {
  deps.log.error({ commit, why }, "a commit of the branch is not applied");
  const { github } = deps;
  if (!github) return;
  const body = renderComment(plan, [
    `not applied: ${why}`,
    `look at it, then: fleet git accept ${commit.slice(0, 12)} --hash ${hash}, or revert it`,
  ]);
  for (const pull of pulls) {
    const row = await findPull(deps.sql, pull.number);
    await github.say(pull.number, row?.commentId ?? null, commentMarker, body);
  }
  const check = { head: commit, conclusion: "failure", title: why.slice(0, 200), summary: body } as const;
  await github.check(null, check);
}
