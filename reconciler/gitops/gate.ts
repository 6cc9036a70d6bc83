/** Whether a plan may be applied: as it was reviewed, by whom it must be, and no more lost than allowed. Pure. */
import { countLostServers, type FleetPlan } from "./plan.ts";

export type GateRules = { maxLost: number; label: string };

/** What stands in the way; empty when nothing does. */
export function findHindrances(plan: FleetPlan, labels: readonly string[], rules: GateRules): string[] {
  const lost = countLostServers(plan);
  const failed = plan.customers.filter(({ error }) => error !== null).map(({ slug }) => slug);
  return [
    ...(plan.problems.length > 0 ? [`${plan.problems.length} files or settings cannot be used`] : []),
    ...(failed.length > 0 ? [`no preview of ${shorten(failed)}`] : []),
    ...(lost > rules.maxLost && !labels.includes(rules.label)
      ? [
          `${lost} servers would be lost, and ${rules.maxLost} may be: add the label "${rules.label}" to allow it`,
        ]
      : []),
  ];
}

/** A request as it was when it was merged, with the plan that people had seen of it. */
export type Reviewed = {
  number: number | null;
  hash: string;
  labels: readonly string[];
  /** Another plan, and only because of who came, who left and whom billing stopped since. */
  covered: boolean;
};

/**
 * `reviewed`: of the requests that made this commit. `accepted`: hash that a person has accepted for this commit. `abandoned`: the
 * commit that the fleet is at, where the branch holds it no more: what was reviewed on the way there was about something else.
 */
export function decidePush(
  { plan, hash }: { plan: FleetPlan; hash: string },
  {
    reviewed,
    accepted,
    abandoned,
  }: { reviewed: readonly Reviewed[]; accepted: string | null; abandoned?: string | undefined },
  rules: GateRules,
): { apply: boolean; why: string } {
  const empty = plan.customers.length === 0 && plan.settings.length === 0 && plan.problems.length === 0;
  if (empty) return { apply: true, why: "no customer changes" };
  if (accepted !== null && accepted === hash) return { apply: true, why: `plan ${hash} was accepted` };
  if (abandoned !== undefined) return { apply: false, why: whyAbandoned(abandoned, hash, accepted) };
  const same = reviewed.find((one) => one.hash === hash) ?? reviewed.find(({ covered }) => covered);
  if (!same) return { apply: false, why: whyNotReviewed(hash, reviewed, accepted) };
  const hindrances = findHindrances(plan, same.labels, rules);
  if (hindrances.length > 0) return { apply: false, why: hindrances.join("; ") };
  const moved =
    same.hash === hash ? "" : `, plan ${same.hash}; who came and left since is decided about alike`;
  return { apply: true, why: `as reviewed${same.number === null ? "" : ` in #${same.number}`}${moved}` };
}

function whyAbandoned(abandoned: string, hash: string, accepted: string | null): string {
  const otherwise = accepted === null ? "" : `; plan ${accepted} was accepted`;
  return `the branch was moved back or rewritten, and does not hold ${abandoned.slice(0, 12)}, which the fleet is at: push that again, or accept what going here would do (${hash})${otherwise}`;
}

function whyNotReviewed(hash: string, reviewed: readonly Reviewed[], accepted: string | null): string {
  if (accepted !== null) return `plan ${accepted} was accepted, and now it would be ${hash}`;
  if (reviewed.length === 0) return `nobody has seen this plan (${hash}) before it was merged`;
  const seen = reviewed.map((one) => one.hash).join(", ");
  return `what was reviewed is plan ${seen}; clouds or rows have changed since, and now it would be ${hash}`;
}

function shorten(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
}
