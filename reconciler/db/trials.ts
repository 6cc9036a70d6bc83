/** Trials of instances that were or are not up. One statement a function. */
import type { Phase } from "../../infra/config.ts";
import type { Query } from "./database.ts";

export type TrialRow = {
  /** Of the instance. */
  id: string;
  slug: string;
  phase: Phase;
  phaseSince: Date;
  observedPhase: Phase | null;
  downSince: Date | null;
  provider: string;
  subscriptionId: string;
  createdAt: Date;
  trialEnd: Date;
  trialEndFirst: Date;
};

export async function listTrials(sql: Query): Promise<TrialRow[]> {
  return await sql<TrialRow[]>`
    select i.id, i.slug, i.phase, i.phase_since as "phaseSince", i.observed_phase as "observedPhase", i.down_since as "downSince", s.provider,
      s.id as "subscriptionId", s.created_at as "createdAt", s.trial_end as "trialEnd", s.trial_end_first as "trialEndFirst"
    from clawfleet.subscriptions s
    join clawfleet.instances i on i.provider = s.provider and i.subscription_id = s.id and i.status <> 'gone'
    where s.status = 'trialing' and s.trial_end is not null and s.trial_end_first is not null and (
      (i.phase = 'running' and (i.observed_phase is distinct from 'running' or i.down_since is not null))
      or exists (select 1 from clawfleet.outages o where o.instance_id = i.id)
    )
    order by i.slug`;
}

/** Until the next reading says the same. */
export async function recordTrialEnd(
  sql: Query,
  { provider, subscriptionId }: Pick<TrialRow, "provider" | "subscriptionId">,
  until: Date,
): Promise<void> {
  await sql`
    update clawfleet.subscriptions set trial_end = ${until}
    where provider = ${provider} and id = ${subscriptionId}`;
}
