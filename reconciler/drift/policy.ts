/** What is done about a finding: by class, and never more at once than the hour allows. Pure. */
import type { DriftClass } from "./compare.ts";

export const driftActions = ["repair", "ask", "ignore"] as const;
export type DriftAction = (typeof driftActions)[number];
export type DriftPolicy = Readonly<Record<DriftClass, DriftAction>>;

/** Unknown objects are listed and deleted only on command: nothing here can be "repair" for them. */
export const defaultPolicy: DriftPolicy = {
  cosmetic: "repair",
  repair: "repair",
  missing: "repair",
  leak: "ask",
  stateless: "ask",
  dangerous: "ask",
};

export type OpenFinding = { id: string; class: DriftClass; since: Date; repairAt: Date | null };

const hourMs = 3_600_000;
const order: readonly DriftClass[] = ["missing", "repair", "cosmetic"];

export type RepairLimits = {
  policy: DriftPolicy;
  perHour: number;
  /** Repairs begun in the last hour, those of closed findings included. */
  begun: number;
};

/**
 * Which findings are repaired now: the gravest first, then the oldest; each once an hour, and so many of all. Many at once
 * are more likely our fault than drift, so the rest waits for the next hour, and an alert says so.
 */
export function chooseRepairs(
  findings: readonly OpenFinding[],
  { policy, perHour, begun }: RepairLimits,
  now: Date,
): { repair: string[]; held: number } {
  const anHourAgo = now.getTime() - hourMs;
  const due = findings
    .filter((finding) => policy[finding.class] === "repair")
    .filter(({ repairAt }) => repairAt === null || repairAt.getTime() <= anHourAgo)
    .toSorted(
      (a, b) => order.indexOf(a.class) - order.indexOf(b.class) || a.since.getTime() - b.since.getTime(),
    );
  const room = Math.max(0, perHour - begun);
  return { repair: due.slice(0, room).map(({ id }) => id), held: Math.max(0, due.length - room) };
}
