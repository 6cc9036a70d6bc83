/** Brings the fleet and the forge together. Webhooks only say that it is worth a look; the truth is read again each time. */
import { findApplied } from "../db/git.ts";
import { findPlan, withdrawPlans } from "../db/plans.ts";
import type { GitopsJob } from "../queue/jobs.ts";
import type { ForgeDeps, GitopsDeps } from "./deps.ts";
import type { Pull } from "./github.ts";
import { endLostPreviews } from "./plans.ts";
import { publishPull, syncPull } from "./pulls.ts";
import { syncBranch } from "./pushes.ts";

export async function handleGitopsJob(deps: GitopsDeps, job: GitopsJob): Promise<void> {
  switch (job.kind) {
    case "sync":
      return await syncAll(deps);
    case "pull-request":
      return await syncOne(deps, job.number);
    case "plan":
      return await onPlanned(deps, job.planId);
  }
}

async function syncAll(deps: GitopsDeps): Promise<void> {
  await deps.mirror.fetch();
  await endLostPreviews(deps);
  await syncBranch(deps);
  await syncOpenPulls(deps);
}

/** What a request would change may be another thing once the branch or the fleet has moved. */
async function syncOpenPulls(deps: GitopsDeps): Promise<void> {
  const forge = withForge(deps);
  if (!forge) return;
  for (const pull of await listOpen(forge)) await syncPull(forge, pull);
}

/** What was asked for those that are closed by now is taken back. */
async function listOpen({ sql, clock, github }: ForgeDeps): Promise<Pull[]> {
  const pulls = await github.listOpenPulls();
  await withdrawPlans(sql, { open: pulls.map(({ number }) => number), now: clock.now() });
  return pulls;
}

async function syncOne(deps: GitopsDeps, number: number): Promise<void> {
  const forge = withForge(deps);
  const pull = await forge?.github.findPull(number);
  if (!forge || !pull) return;
  if (!pull.open) await listOpen(forge);
  if (!pull.open && !pull.mergedAt) return;
  await deps.mirror.fetch();
  await deps.files();
  if (pull.open) await syncPull(forge, pull);
  else await syncBranch(deps);
}

/** The last preview of a plan has ended. */
async function onPlanned(deps: GitopsDeps, planId: number): Promise<void> {
  const plan = await findPlan(deps.sql, planId);
  if (plan?.purpose === "push") {
    const before = await findApplied(deps.sql);
    await syncBranch(deps);
    if ((await findApplied(deps.sql)) !== before) await syncOpenPulls(deps);
    return;
  }
  const forge = withForge(deps);
  const number = plan?.pullRequest ?? null;
  if (!forge || number === null) return;
  const pull = await forge.github.findPull(number);
  if (pull?.open) await publishPull(forge, pull);
}

function withForge(deps: GitopsDeps): ForgeDeps | undefined {
  const { github } = deps;
  return github && { ...deps, github };
}
