/** Trials that our outages cost time get it back: at the provider, so that nobody is charged for what they did not have. */
import type { BillingProvider } from "./billing/provider.ts";
import { listTrials, recordTrialEnd, type TrialRow } from "./db/trials.ts";
import { readOutages } from "./desired/apply.ts";
import { alert, type ApplyDeps } from "./desired/apply-deps.ts";
import { waitedMs, type Outage } from "./desired/outages.ts";
import { messageOf } from "./errors.ts";

export type TrialDeps = ApplyDeps & { providers: readonly BillingProvider[] };

/** Less is not worth a change at the provider; while an outage goes on, each sweep gives what has come up since. */
const leastMs = 30 * 60_000;

/** Returns how many were extended. A provider that cannot be asked is asked with the next sweep. */
export async function extendTrials(deps: TrialDeps): Promise<number> {
  const { sql, clock, log, providers } = deps;
  let extended = 0;
  const trials = await listTrials(sql);
  const outages = await readOutages(sql, trials);
  for (const trial of trials) {
    const until = findTrialEnd(trial, outages.get(trial.id) ?? [], clock.now());
    const provider = providers.find(({ name }) => name === trial.provider);
    if (until === undefined || !provider) continue;
    try {
      await provider.desk.extendTrial({ subscriptionId: trial.subscriptionId, until });
      await recordTrialEnd(sql, trial, until);
      log.info({ stack: trial.slug, until: until.toISOString() }, "a trial got back what our outage cost");
      extended += 1;
    } catch (error) {
      const why = messageOf(error);
      alert(
        deps,
        "trial_not_extended",
        trial.slug,
        `${trial.slug}: ${trial.provider} does not extend its trial: ${why}`,
      );
    }
  }
  return extended;
}

/** undefined: it ends when it should, or so late by somebody else's will. Pure. */
export function findTrialEnd(
  trial: Pick<TrialRow, "createdAt" | "trialEnd" | "trialEndFirst">,
  outages: readonly Outage[],
  now: Date,
): Date | undefined {
  const wanted = new Date(trial.trialEndFirst.getTime() + waitedMs(outages, trial.createdAt, now));
  return wanted.getTime() - trial.trialEnd.getTime() >= leastMs ? wanted : undefined;
}
