/** Previews of plans as a worker runs them, on a database without engine and clouds: what ends before any run is its own word. */
import type { ConvergeDeps } from "../../reconciler/converge/converge-instance.ts";
import { handleConvergeJob } from "../../reconciler/converge/worker.ts";
import type { ConvergeJob } from "../../reconciler/queue/jobs.ts";
import { createCannedRuns } from "./canned-runs.ts";
import type { GitopsRig } from "./gitops-rig.ts";

type Work = { only?: string; cloudsOf?: ConvergeDeps["cloudsOf"]; signal?: AbortSignal | undefined };

/** What the queue holds for customers who have no result yet; `only`: of this one. */
export async function runPreviews(rig: GitopsRig, { only, cloudsOf, signal }: Work): Promise<void> {
  const runs = await createCannedRuns(rig.admin.apply);
  const deps = cloudsOf === undefined ? runs.deps : { ...runs.deps, cloudsOf };
  const jobs = await rig.deps.sql<{ data: ConvergeJob }[]>`
    select j.data from pgboss.job j
    join clawfleet.plan_customers c on c.plan_id::text = j.data ->> 'planId' and c.slug = j.data ->> 'stack'
    where j.name = 'converge' and c.result is null order by c.slug`;
  try {
    for (const { data } of jobs)
      if (only === undefined || data.stack === only)
        await handleConvergeJob(deps, data, signal ?? AbortSignal.timeout(60_000));
  } finally {
    await runs.close();
  }
}
