/** What is done about a finding: by class, and never more at once than the hour allows. Pure. */
import { driftClasses, type DriftClass } from "./compare.ts";

/** Who orders the repairs that nobody asked for. */
export const scanActor = "drift scan";

export const driftActions = ["repair", "ask", "ignore"] as const;
export type DriftAction = (typeof driftActions)[number];
export type DriftPolicy = Readonly<Record<DriftClass, DriftAction>>;

export const defaultPolicy: DriftPolicy = {
  cosmetic: "repair",
  repair: "repair",
  missing: "repair",
  leak: "ask",
  stateless: "ask",
  dangerous: "ask",
};

/** No up makes these right: they are listed, and deleted only on command. */
const unrepairable: ReadonlySet<DriftClass> = new Set(["leak", "stateless"]);

/** `cosmetic=ignore,dangerous=repair`: what is not named stays as by default. @throws RangeError naming what is wrong. */
export function parsePolicy(text: string): DriftPolicy {
  const policy: Record<DriftClass, DriftAction> = { ...defaultPolicy };
  for (const part of text.split(",").filter((one) => one.trim() !== "")) {
    const [name = "", wanted = ""] = part.split("=").map((side) => side.trim());
    const kind = driftClasses.find((one) => one === name);
    const action = driftActions.find((one) => one === wanted);
    if (!kind) throw new RangeError(`${name} is no class; there are ${driftClasses.join(", ")}`);
    if (!action) throw new RangeError(`${name}=${wanted}: there are ${driftActions.join(", ")}`);
    if (action === "repair" && unrepairable.has(kind))
      throw new RangeError(`${kind} objects are in no state: they are deleted on command, never repaired`);
    policy[kind] = action;
  }
  return policy;
}

export type RepairCandidate = {
  id: number;
  class: DriftClass;
  since: Date;
  repairAt: Date | null;
  /** Of these very differences, so far. */
  repairs: number;
  /** Why it is not repaired unasked. */
  refusal: string | null;
};

/** What so many ups did not cure no up cures: from then on a person is asked. */
export const maxRepairs = 3;

const hourMs = 3_600_000;
const order: readonly DriftClass[] = ["missing", "repair", "dangerous", "cosmetic"];

export type RepairLimits = {
  policy: DriftPolicy;
  perHour: number;
  /** Repairs begun in the last hour, those of closed findings included. */
  begun: number;
};

/**
 * Which findings are repaired now: those that were tried least, then the gravest, then the oldest; each again after an hour, then
 * after two, and so many of all. Many at once are more likely our fault than drift, so the rest waits for the next hour, and an
 * alert says so.
 */
export function chooseRepairs(
  findings: readonly RepairCandidate[],
  { policy, perHour, begun }: RepairLimits,
  now: Date,
): { repair: number[]; held: number } {
  const due = findings
    .filter((finding) => policy[finding.class] === "repair" && finding.refusal === null)
    .filter(({ repairs }) => repairs < maxRepairs)
    .filter(({ repairAt, repairs }) => {
      const waitMs = hourMs * 2 ** Math.max(0, repairs - 1);
      return repairAt === null || repairAt.getTime() <= now.getTime() - waitMs;
    })
    .toSorted(
      (a, b) =>
        a.repairs - b.repairs ||
        order.indexOf(a.class) - order.indexOf(b.class) ||
        a.since.getTime() - b.since.getTime(),
    );
  const room = Math.max(0, perHour - begun);
  return { repair: due.slice(0, room).map(({ id }) => id), held: Math.max(0, due.length - room) };
}
