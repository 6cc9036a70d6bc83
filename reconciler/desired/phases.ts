/** The table that a person reads: billing status and its age decide the phase, and when that changes next. Pure. */
import type { Phase } from "../../infra/config.ts";
import type { Plan } from "../../infra/plans.ts";
import { waitedMs, waitsNow, type Outage } from "./outages.ts";

type Grace = keyof Plan["grace"];

export type PhaseStep = {
  phase: Phase;
  reason: string;
  /** From this age of the status on, by a grace time of the plan. Absent: at once. */
  after?: Grace;
  /** Not before billing has said at that age or later that it is so still: who has paid is never stopped because we could not read. */
  readThen?: true;
};

export type PhaseRow = {
  statuses: readonly string[];
  /** In the order in which a status ages. Empty: nothing is made, nothing is taken away. */
  steps: readonly PhaseStep[];
};

const ended = "subscription ended";

export const phaseTable: readonly PhaseRow[] = [
  { statuses: ["active", "trialing"], steps: [{ phase: "running", reason: "paid" }] },
  {
    statuses: ["past_due"],
    steps: [
      { phase: "running", reason: "payment is late" },
      { phase: "suspended", reason: "payment is late for too long", after: "pastDueDays", readThen: true },
    ],
  },
  { statuses: ["unpaid", "paused"], steps: [{ phase: "suspended", reason: "not paid" }] },
  {
    statuses: ["canceled", "incomplete_expired", "missing"],
    steps: [
      { phase: "suspended", reason: ended },
      { phase: "archived", reason: ended, after: "archiveAfterDays" },
      { phase: "gone", reason: ended, after: "deleteAfterDays" },
    ],
  },
  { statuses: ["incomplete"], steps: [] },
];

export type PhaseDecision = { phase: Phase | null; reason: string; nextChangeAt: Date | null };

/** What the age of a status is counted by. */
export type StatusAge = {
  /** When it began. */
  since: Date;
  now: Date;
  /** When billing said so last. Absent: now. */
  readAt?: Date;
  /** Times in which the instance did not answer through our fault: no grace time passes in them. */
  outages?: readonly Outage[];
};

const dayMs = 86_400_000;

/** A status that nobody knows decides nothing. */
export function decidePhase(status: string, age: StatusAge, grace: Plan["grace"]): PhaseDecision {
  const row = findRow(status);
  if (!row) return { phase: null, reason: `unknown billing status ${status}`, nextChangeAt: null };
  const dated = row.steps.map((step) => ({ ...step, at: dateOf(step, age, grace) }));
  const [first] = dated;
  if (!first) return { phase: null, reason: "first payment is under way", nextChangeAt: null };
  const { now, readAt = now } = age;
  const due = findLast(dated, ({ at }) => at <= now);
  const reached = findLast(dated, ({ at, readThen }) => at <= now && (readThen !== true || at <= readAt));
  const { phase } = dated[reached] ?? first;
  const { reason } = dated[due] ?? first;
  const waits = waitsNow(age.outages ?? [], now);
  const ahead = dated.slice(reached + 1).flatMap(({ at }) => (at > now ? [at.getTime()] : []));
  return {
    phase,
    reason: due === reached ? reason : `${reason}; waits for a reading`,
    // While the clock waits nobody knows when it goes on.
    nextChangeAt: ahead.length === 0 || waits ? null : new Date(Math.min(...ahead)),
  };
}

/** The first step is there from the beginning. */
function findLast<Step>(steps: readonly Step[], isReached: (step: Step) => boolean): number {
  return Math.max(0, steps.findLastIndex(isReached));
}

/** When everything is deleted if the status stays; null when nothing is. */
export function findDeletion(status: string, age: StatusAge, grace: Plan["grace"]): Date | null {
  const last = findRow(status)?.steps.find((step) => step.phase === "gone");
  return last ? dateOf(last, age, grace) : null;
}

function dateOf({ after }: PhaseStep, { since, now, outages = [] }: StatusAge, grace: Plan["grace"]): Date {
  if (after === undefined) return since;
  return new Date(since.getTime() + grace[after] * dayMs + waitedMs(outages, since, now));
}

function findRow(status: string): PhaseRow | undefined {
  return phaseTable.find((row) => row.statuses.includes(status));
}

export function isKnownStatus(status: string): boolean {
  return findRow(status) !== undefined;
}

/** Nothing but a deletion lies ahead of this status. */
export function hasEnded(status: string): boolean {
  return findRow(status)?.steps.some(({ phase }) => phase === "gone") ?? false;
}

/** Money comes in for these, now or at the end of a trial. */
export const chargedStatuses: readonly string[] = ["active", "trialing", "past_due"];

export const endedStatuses: readonly string[] = phaseTable
  .filter(({ steps }) => steps.some(({ phase }) => phase === "gone"))
  .flatMap(({ statuses }) => statuses);

/** The table as text, for `fleet` and the handbook. */
export function describePhases(grace: Plan["grace"]): string[] {
  return phaseTable.map(({ statuses, steps }) => {
    const words = steps.map(({ phase, after }) =>
      after === undefined ? phase : `${phase} after ${grace[after]} days`,
    );
    return `${statuses.join(", ")}: ${words.join(", ") || "nothing"}`;
  });
}
