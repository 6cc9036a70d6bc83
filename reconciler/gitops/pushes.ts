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
import { findPlan, listReviewed } from "../db/plans.ts";
import { commentMarker, renderComment } from "./comment.ts";
import { decidePush, type Reviewed } from "./gate.ts";
import { isAncestor, listFirstParents, readChanges, resolveCommit } from "./git.ts";
import type { Pull } from "./github.ts";
import type { FleetPlan } from "./plan.ts";
import { createPlan, toFleetPlan } from "./plans.ts";
import type { GitopsDeps } from "./deps.ts";

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
  const pulls = await findPulls(deps, commit);
  const reviewed = await listReviews(deps, commit, row.hash, pulls);
  const accepted = push?.acceptedHash ?? null;
  const decision = decidePush({ plan, hash: row.hash }, { reviewed, accepted }, deps.settings);
  const end = { detail: decision.why, now: deps.clock.now() };
  if (!decision.apply) {
    await recordDecision(deps.sql, { commit, basis }, { ...end, outcome: "refused" });
    await tellRefusal(deps, { commit, plan, why: decision.why, pulls });
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
  const planId = await createPlan(deps, input);
  await planPush(deps.sql, { commit, basis, planId });
  return planId;
}

/** What a crash leaves undone here is done by the next sweep: it reads the files of the same commit. */
async function carryOut(deps: GitopsDeps, commit: string, plan: FleetPlan): Promise<void> {
  if (plan.cells.length > 0) await syncCells(deps);
  const slugs = plan.customers.map(({ slug }) => slug);
  if (slugs.length === 0) return;
  const actor = `commit ${commit.slice(0, 12)}`;
  await applyDesired(deps, { kind: "slugs", slugs, reason: "pull-request", actor });
}

async function findPulls(deps: GitopsDeps, commit: string): Promise<Pull[]> {
  const all = (await deps.github?.listPullsOf(commit)) ?? [];
  return all.filter((pull) => pull.merged && pull.mergeCommit === commit);
}

/** With a forge: what its requests showed last, of the head that was merged. Without: any plan of a commit in it. */
async function listReviews(
  deps: GitopsDeps,
  commit: string,
  hash: string,
  pulls: readonly Pull[],
): Promise<Reviewed[]> {
  if (deps.github) {
    const reviews: Reviewed[] = [];
    for (const { number, head, labels } of pulls) {
      const row = await findPull(deps.sql, number);
      const plan = await findPlan(deps.sql, row?.planId ?? 0);
      if (plan?.head === head && plan.hash !== null) reviews.push({ number, hash: plan.hash, labels });
    }
    return reviews;
  }
  const reviews: Reviewed[] = [];
  for (const plan of await listReviewed(deps.sql, hash))
    if (await isAncestor(deps.mirror.git, plan.head, commit))
      reviews.push({ number: null, hash, labels: [] });
  return reviews;
}

type Refusal = { commit: string; plan: FleetPlan; why: string; pulls: readonly Pull[] };

async function tellRefusal(deps: GitopsDeps, { commit, plan, why, pulls }: Refusal): Promise<void> {
  deps.log.error({ commit, why }, "a commit of the branch is not applied");
  const { github } = deps;
  if (!github) return;
  const body = renderComment(plan, [
    `not applied: ${why}`,
    `look at it, then: fleet git accept ${commit.slice(0, 12)}, or revert it`,
  ]);
  for (const pull of pulls) {
    const row = await findPull(deps.sql, pull.number);
    await github.say(pull.number, row?.commentId ?? null, commentMarker, body);
  }
  const check = { head: commit, conclusion: "failure", title: why.slice(0, 200), summary: body } as const;
  await github.check(null, check);
}
