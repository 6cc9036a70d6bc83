/** What follows from one more reading of one instance: verdict, and the next rung of the ladder when it is due. Pure. */
import { judge, type Seen } from "./judge.ts";
import { describeWarning, findWarnings, type Reading, type Trouble, type Warning } from "./vitals.ts";

export const verdicts = ["unknown", "well", "ill"] as const;
export type Verdict = (typeof verdicts)[number];

/** In the order in which they are tried; each is harder on the customer than the one before. */
export const rungs = ["restart", "reboot", "rebuild"] as const;
export type Rung = (typeof rungs)[number];

export type Health = Seen & {
  verdict: Verdict;
  /** Bad readings in a row since the last good one or the last attempt to help. */
  strikes: number;
  /** Good readings in a row. */
  passes: number;
  /** The hardest step that was really taken; null: none since it was well for long. */
  rung: Rung | null;
  /** Every rung was tried: it is helped now and then, and needs a person. */
  exhausted: boolean;
  warnings: readonly Warning[];
};

export const newHealth: Health = {
  verdict: "unknown",
  strikes: 0,
  passes: 0,
  rung: null,
  exhausted: false,
  warnings: [],
  restarts: null,
  busySince: null,
};

/** Counted in readings, one a minute. */
export const healthPolicy = {
  /** Bad ones in a row that make it ill. */
  strikes: 3,
  /** Good ones in a row that make it well again. */
  recovery: 2,
  /** Good ones in a row after which the ladder begins at its foot again: what falls ill in between goes on climbing. */
  calm: 30,
  /** Bad ones after a step before the next is due: the time that the step has to help. */
  patience: { restart: 3, reboot: 5, rebuild: 20 },
  /** Bad ones before an exhausted one is helped again. */
  exhaustedPause: 30,
} as const;

export type HealthContext = {
  /** Many are ill at once, a person holds this one, or a step of its own waits or is under way: nothing more is done to it. */
  healing: "allowed" | "braked" | "held" | "under-way";
  /** Its disk may be thrown away for a working machine. */
  mayRebuild: boolean;
  /** When it was read. */
  now: Date;
};

export type HealthEvent =
  | { kind: "ill"; detail: string }
  | { kind: "well" }
  | { kind: "exhausted"; detail: string }
  | { kind: "warning"; warning: Warning; detail: string };

export type HealthDecision = {
  health: Health;
  /** Due now. `health` is as if it was not taken: see `afterStep`. */
  step: Rung | null;
  events: HealthEvent[];
  /** Beside those before it. */
  reading: Reading;
};

export function decideHealth(before: Health, said: Reading, context: HealthContext): HealthDecision {
  const { reading, seen } = judge(before, said, context.now);
  const events: HealthEvent[] = [];
  const health = warn({ ...before, ...seen }, reading, events);
  if (reading.kind === "busy") return { health, step: null, events, reading };
  if (reading.kind === "well") return { health: pass(health, events), step: null, events, reading };
  return { ...strike(health, reading, context, events), reading };
}

/** What is left of it once a step was really taken; as `endAttempt` writes it. */
export function afterStep(before: Health, step: Rung): Health {
  const rung = before.exhausted ? before.rung : step;
  return { ...before, rung, strikes: 0, passes: 0, busySince: null };
}

function warn(before: Health, reading: Reading, events: HealthEvent[]): Health {
  const { vitals } = reading;
  if (vitals === undefined) return before;
  const now = findWarnings(vitals, before.warnings);
  for (const warning of now) {
    if (!before.warnings.includes(warning))
      events.push({ kind: "warning", warning, detail: describeWarning(warning, vitals) });
  }
  return { ...before, warnings: now };
}

function pass(before: Health, events: HealthEvent[]): Health {
  const passes = Math.min(before.passes + 1, healthPolicy.calm);
  const recovered = before.verdict !== "ill" || passes >= healthPolicy.recovery;
  if (before.verdict === "ill" && recovered) events.push({ kind: "well" });
  const calm = passes >= healthPolicy.calm;
  return {
    ...before,
    verdict: recovered ? "well" : "ill",
    strikes: 0,
    passes,
    rung: calm ? null : before.rung,
    exhausted: calm ? false : before.exhausted,
  };
}

function strike(
  before: Health,
  reading: Extract<Reading, { kind: "ill" }>,
  context: HealthContext,
  events: HealthEvent[],
): Omit<HealthDecision, "reading"> {
  const strikes = before.strikes + 1;
  const becomesIll = before.verdict !== "ill" && strikes >= healthPolicy.strikes;
  const detail = `${reading.trouble}: ${reading.detail}`;
  if (becomesIll) events.push({ kind: "ill", detail });
  const verdict = becomesIll ? "ill" : before.verdict;
  const health: Health = { ...before, verdict, strikes, passes: 0 };
  if (verdict !== "ill" || strikes < patienceOf(before) || context.healing !== "allowed")
    return { health, step: null, events };

  if (before.exhausted) return { health, step: firstRung(reading.trouble), events };
  const step = nextRung(before, reading.trouble, context);
  if (step !== undefined) return { health, step, events };
  events.push({ kind: "exhausted", detail });
  return { health: { ...health, exhausted: true, strikes: 0 }, step: null, events };
}

/** How many bad readings in a row make the next step due. */
function patienceOf({ rung, exhausted }: Health): number {
  if (exhausted) return healthPolicy.exhaustedPause;
  return rung === null ? healthPolicy.strikes : healthPolicy.patience[rung];
}

/** undefined: there is nothing harder that may be done. */
function nextRung(before: Health, trouble: Trouble, { mayRebuild }: HealthContext): Rung | undefined {
  const first = firstRung(trouble);
  const at = before.rung === null ? -1 : rungs.indexOf(before.rung);
  const next = rungs[Math.max(at + 1, rungs.indexOf(first))];
  return next === "rebuild" && !mayRebuild ? undefined : next;
}

/** A machine that lets nobody in cannot be asked to restart anything. */
function firstRung(trouble: Trouble): Rung {
  return trouble === "unreachable" ? "reboot" : "restart";
}
