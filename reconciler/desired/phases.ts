/** The table that a person reads: billing status and its age decide the phase, and when that changes next. Pure. */
import type { Phase, Plan } from "../../infra/config.ts";

type Grace = keyof Plan["grace"];

export type PhaseRow = {
  statuses: readonly string[];
  /** null: nothing is made, nothing is taken away. */
  phase: Phase | null;
  reason: string;
  /** After this grace time of the plan, the phase of `afterwards`. */
  grace?: Grace;
  afterwards?: { phase: Phase; reason: string };
};

export const phaseTable: readonly PhaseRow[] = [
  { statuses: ["active", "trialing"], phase: "running", reason: "paid" },
  {
    statuses: ["past_due"],
    phase: "running",
    reason: "payment is late",
    grace: "pastDueDays",
    afterwards: { phase: "suspended", reason: "payment is late for too long" },
  },
  { statuses: ["unpaid", "paused"], phase: "suspended", reason: "not paid" },
  {
    statuses: ["canceled", "incomplete_expired", "missing"],
    phase: "suspended",
    reason: "subscription ended",
    grace: "deleteAfterDays",
    afterwards: { phase: "gone", reason: "subscription ended" },
  },
  { statuses: ["incomplete"], phase: null, reason: "first payment is under way" },
];

export type PhaseDecision = { phase: Phase | null; reason: string; nextChangeAt: Date | null };

const dayMs = 86_400_000;

/** `since`: when the status began. A status that nobody knows decides nothing. */
export function decidePhase(status: string, since: Date, grace: Plan["grace"], now: Date): PhaseDecision {
  const row = phaseTable.find((candidate) => candidate.statuses.includes(status));
  if (!row) return { phase: null, reason: `unknown billing status ${status}`, nextChangeAt: null };
  if (!row.grace || !row.afterwards) return { phase: row.phase, reason: row.reason, nextChangeAt: null };
  const changeAt = new Date(since.getTime() + grace[row.grace] * dayMs);
  if (changeAt <= now) return { ...row.afterwards, nextChangeAt: null };
  return { phase: row.phase, reason: row.reason, nextChangeAt: changeAt };
}

/** When everything is deleted if the status stays; null when nothing is. */
export function findDeletion(status: string, since: Date, grace: Plan["grace"]): Date | null {
  const row = phaseTable.find((candidate) => candidate.statuses.includes(status));
  if (!row?.grace || row.afterwards?.phase !== "gone") return null;
  return new Date(since.getTime() + grace[row.grace] * dayMs);
}

export function isKnownStatus(status: string): boolean {
  return phaseTable.some((row) => row.statuses.includes(status));
}

/** Nothing but a deletion lies ahead of this status. */
export function hasEnded(status: string): boolean {
  return phaseTable.some((row) => row.statuses.includes(status) && row.afterwards?.phase === "gone");
}

/** The table as text, for `fleet` and the handbook. */
export function describePhases(grace: Plan["grace"]): string[] {
  return phaseTable.map((row) => {
    const later =
      row.grace && row.afterwards ? `, ${row.afterwards.phase} after ${grace[row.grace]} days` : "";
    return `${row.statuses.join(", ")}: ${row.phase ?? "nothing"}${later}`;
  });
}
