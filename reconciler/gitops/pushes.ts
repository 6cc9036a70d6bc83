/** The branch: each commit is planned once more, and applied when that is what was reviewed, else refused. */
import { syncCells } from "../desired/cells.ts";
import { applyDesired } from "../desired/apply.ts";
import {
  decidePush as recordDecision,
  findApplied,
  findPull,
  findPush,
  moveApplied,
  noteWaiting,
  planPush,
  withdrawPushes,
} from "../db/git.ts";
import { countPushPlans, findFirstSeen, findPlan, findReview, type PlanRow } from "../db/plans.ts";
import { isCovered } from "./coverage.ts";
import { decidePush, type Reviewed } from "./gate.ts";
import { isAncestor, listFirstParents, readChanges, resolveCommit } from "./git.ts";
import type { Pull } from "./github.ts";
import type { FleetPlan } from "./plan.ts";
import { createPlan, readCovered, toFleetPlan } from "./plans.ts";
import { findMergedPulls } from "./pulls.ts";
import { tellRefusals } from "./refusals.ts";
import type { GitopsDeps } from "./deps.ts";

/** A cloud that is down refuses nobody's commit, however long: it is planned again and again, after longer and longer waits. */
const maxPauseMs = 60 * 60_000;

/** Goes on as far as it can: until the last commit, or until a preview is under way. Fetches by itself. */
export async function syncBranch(deps: GitopsDeps): Promise<void> {
  await decideCommits(deps);
  await tellRefusals(deps);
}

async function decideCommits(deps: GitopsDeps): Promise<void> {
  // Read once at the start, so that there is one.
  await deps.files();
  while (await decideNext(deps));
}

/** Whether the fleet has moved: what comes after that is another plan. */
async function decideNext(deps: GitopsDeps): Promise<boolean> {
  const basis = await findApplied(deps.sql);
  if (basis === undefined) return false;
  const { commits, abandoned } = await listWaiting(deps, basis);
  await withdrawPushes(deps.sql, { basis, commits, now: deps.clock.now() });
  let behind = false;
  for (const commit of commits) {
    const what = await syncCommit(deps, { commit, basis, abandoned, behind });
    if (what === "previewing" || what === "applied") return what === "applied";
    behind ||= what === "waits";
  }
  return false;
}

/** Oldest first. Of a branch that holds the fleet's commit no more only where it is now. */
async function listWaiting({ mirror, settings }: GitopsDeps, basis: string) {
  const { git } = mirror;
  // Another process may have moved the fleet to what this mirror lacks: a branch that is only behind would look moved back.
  await mirror.fetch();
  const head = await resolveCommit(git, settings.branch);
  if (basis === head) return { commits: [], abandoned: undefined };
  if (await isAncestor(git, basis, head))
    return { commits: await listFirstParents(git, basis, head), abandoned: undefined };
  return { commits: [head], abandoned: basis };
}

type Commit = {
  commit: string;
  basis: string;
  abandoned: string | undefined;
  /** One before it waits for a cloud: this one may take its place, such as by taking it back, and is refused by nobody before that one. */
  behind: boolean;
};

async function syncCommit(
  deps: GitopsDeps,
  { commit, basis, abandoned, behind }: Commit,
): Promise<"previewing" | "waits" | "applied" | "refused"> {
  const push = await findPush(deps.sql, commit, basis);
  if (push?.outcome === "refused") return "refused";
  const known = push?.outcome === "withdrawn" ? null : push?.planId;
  const planId = known ?? (await beginPush(deps, commit, basis));
  const row = await findPlan(deps.sql, planId);
  const plan = row && (await toFleetPlan(deps.sql, row));
  if (!row || row.hash === null || !plan) return "previewing";
  const accepted = push?.acceptedHash ?? null;
  const down = plan.customers.find(({ again }) => again === true);
  if (down && accepted !== row.hash) {
    const again = findNextTry(deps, row, await countPushPlans(deps.sql, basis, commit));
    if (again <= deps.clock.now()) {
      await beginPush(deps, commit, basis);
      return "previewing";
    }
    const why = `waits: no preview of ${down.slug}: ${down.error}; planned again from ${again.toISOString()}`;
    await noteWaiting(deps.sql, { commit, basis }, why);
    deps.log.warn({ commit, why }, "a commit of the branch waits");
    return "waits";
  }
  const seen = await listReviews(deps, row, await findMergedPulls(deps, commit));
  const reviewed = await compareReviews(deps, row, seen);
  const decision = decidePush({ plan, hash: row.hash }, { reviewed, accepted, abandoned }, deps.settings);
  const end = { detail: decision.why, now: deps.clock.now() };
  if (!decision.apply && behind) return "waits";
  if (!decision.apply) {
    await recordDecision(deps.sql, { commit, basis }, { ...end, outcome: "refused" });
    deps.log.error({ commit, why: decision.why }, "a commit of the branch is not applied");
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

/** Twice as long after each try; not within the look that saw it fail. */
function findNextTry({ settings }: GitopsDeps, { completedAt, createdAt }: PlanRow, tries: number): Date {
  const pauseMs = Math.min((settings.intervalMs / 2) * 2 ** (tries - 1), maxPauseMs);
  return new Date((completedAt ?? createdAt).getTime() + pauseMs);
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

type Review = { plan: PlanRow & { hash: string }; number: number | null; labels: readonly string[] };

async function compareReviews(
  { sql }: GitopsDeps,
  push: PlanRow,
  reviews: readonly Review[],
): Promise<Reviewed[]> {
  const now = reviews.length > 0 ? await readCovered(sql, push) : undefined;
  const compared: Reviewed[] = [];
  for (const { plan, number, labels } of reviews) {
    const before = await readCovered(sql, plan);
    const covered = now !== undefined && before !== undefined && isCovered(now, before);
    compared.push({ number, labels, hash: plan.hash, covered });
  }
  return compared;
}

/** What people had seen of it before it was merged. Only that counts: a plan that came too late was reviewed by nobody. */
async function listReviews(deps: GitopsDeps, push: PlanRow, pulls: readonly Pull[]): Promise<Review[]> {
  if (!deps.github) return await listReviewsByTexts(deps, push);
  const reviews: Review[] = [];
  for (const { number, head, labels, mergedAt } of pulls) {
    const row = await findPull(deps.sql, number);
    const plan = await findPlan(deps.sql, row?.shownPlanId ?? 0);
    if (!mergedAt || !row?.shownAt || row.shownAt > mergedAt) continue;
    if (plan?.head === head && plan.hash !== null)
      reviews.push({ number, plan: { ...plan, hash: plan.hash }, labels });
  }
  return reviews;
}

/**
 * Without a forge nobody tells what was merged how (a merge commit, a squash, a rebase), but the same texts were asked about,
 * and the whole answer was fetched before the commit was seen on the branch.
 */
async function listReviewsByTexts({ sql }: GitopsDeps, push: PlanRow): Promise<Review[]> {
  const review = await findReview(sql, push.digest);
  const firstSeen = await findFirstSeen(sql, push.head);
  if (!review?.seenAt || review.hash === null || !firstSeen || review.seenAt > firstSeen) return [];
  return [{ number: review.pullRequest, plan: { ...review, hash: review.hash }, labels: review.labels }];
}
