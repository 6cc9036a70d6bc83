/** What people hear of a commit that is not applied. The forge may be away just then: what was not told is told at the next look. */
import { findPull, listUntold, markTold, type Refusal } from "../db/git.ts";
import { findPlan } from "../db/plans.ts";
import { commentMarker, renderComment } from "./comment.ts";
import type { ForgeDeps, GitopsDeps } from "./deps.ts";
import { isAncestor } from "./git.ts";
import { hashPlan } from "./plan.ts";
import { toFleetPlan } from "./plans.ts";
import { findMergedPulls } from "./pulls.ts";

/** One that the forge does not take keeps neither the others nor the branch waiting. */
export async function tellRefusals(deps: GitopsDeps): Promise<void> {
  const { github, sql, log, clock } = deps;
  for (const refusal of await listUntold(sql)) {
    try {
      if (github) await tellRefusal({ ...deps, github }, refusal);
      await markTold(sql, refusal, clock.now());
    } catch (error) {
      log.error(
        { err: error, commit: refusal.commit },
        "a refusal could not be told; the next look tries again",
      );
    }
  }
}

/** The same comment and another check of the same name, however often. */
async function tellRefusal(deps: ForgeDeps, { commit, basis, planId, why }: Refusal): Promise<void> {
  const { github, sql, mirror } = deps;
  const row = await findPlan(sql, planId);
  const plan = row && (await toFleetPlan(sql, row));
  if (!plan) return;
  const body = renderComment(plan, [
    `not applied: ${why}`,
    `look at it, then: fleet git accept ${commit.slice(0, 12)} --hash ${row.hash ?? hashPlan(plan)}, or revert it`,
  ]);
  // Moved back to: its request is done with, and was merged as it should be.
  const old = await isAncestor(mirror.git, commit, basis);
  for (const { number } of old ? [] : await findMergedPulls(deps, commit)) {
    const pull = await findPull(sql, number);
    await github.say(number, pull?.commentId ?? null, commentMarker, body);
  }
  const title = why.slice(0, 200);
  await github.check(null, { head: commit, conclusion: "failure", title, summary: body });
}
