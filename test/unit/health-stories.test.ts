/**
 * Proves minute by minute over hours, from whatever second the readings begin at, what becomes of a machine that is ill in a way that
 * a single reading does not show, by itself and with its watchdog: operators hear of it within minutes, and the ladder is
 * climbed rung by rung. Machines are models here; what real ones say is proven by `make lab`.
 */
import { describe, expect, test } from "vitest";
import {
  afterStep,
  decideHealth,
  newHealth,
  type HealthContext,
  type Rung,
} from "../../reconciler/health/decide.ts";
import { toReading, type Vitals } from "../../reconciler/health/vitals.ts";
import { vitalsOf } from "../support/vitals.ts";

/** What it says this many seconds after it fell ill or was helped last. */
type Machine = (seconds: number) => {
  gateway?: Partial<Vitals["gateway"]>;
  proxy?: Partial<Vitals["proxy"]>;
};

const start = Date.UTC(2026, 10, 20);
const restartSeconds = 5;

/** Lives for `life` seconds, again and again; answers once it is up for `answersAfter`. */
const crashing =
  (life: number, answersAfter = Number.POSITIVE_INFINITY): Machine =>
  (seconds) => {
    const restarts = Math.floor(seconds / (life + restartSeconds));
    const upSeconds = Math.floor(seconds % (life + restartSeconds));
    if (upSeconds >= life)
      return { gateway: { unit: "activating", upSeconds: null, restarts: restarts + 1, answer: "none" } };
    const answer = upSeconds >= answersAfter ? "started" : "none";
    return { gateway: { upSeconds, restarts, answer } };
  };

/** Killed by its watchdog, which gives up after three times. */
const deaf: Machine = (seconds) => {
  const life = 165;
  const restarts = Math.min(3, Math.floor(seconds / (life + restartSeconds)));
  const upSeconds = Math.floor(seconds - restarts * (life + restartSeconds));
  return { gateway: { upSeconds, restarts, answer: "none", reason: "TimeoutError" } };
};

const draining: Machine = (seconds) => ({ gateway: { upSeconds: 9000 + seconds, answer: "draining" } });
const withoutProxy: Machine = () => ({ proxy: { unit: "failed", listens: false } });

/** Read once a minute for six hours; every step is taken, and helps nothing. */
function live(machine: Machine, phase: number, context: Partial<HealthContext> = {}) {
  let health = newHealth;
  let helpedAt = 0;
  const steps: Rung[] = [];
  const minutes: Record<string, number> = {};
  for (let seconds = phase; seconds < 6 * 3600; seconds += 60) {
    const reading = toReading(vitalsOf(machine(seconds - helpedAt)));
    const now = new Date(start + seconds * 1000);
    const result = decideHealth(health, reading, {
      healing: "allowed",
      mayRebuild: true,
      now,
      ...context,
    });
    ({ health } = result);
    for (const { kind } of result.events) minutes[kind] ??= Math.round(seconds / 60);
    if (result.step === null) continue;
    minutes[result.step] ??= Math.round(seconds / 60);
    steps.push(result.step);
    health = afterStep(health, result.step);
    helpedAt = seconds;
  }
  return { steps, minutes };
}

const phases = [0, 7, 19, 31, 43, 55];

describe.each<[string, Machine, number]>([
  ...[31, 45, 60, 85, 110, 115].flatMap((life): [string, Machine, number][] => [
    [`dies after ${life} s and never answers`, crashing(life), 7],
    [`dies after ${life} s and answers from its 20th on`, crashing(life, 20), 7],
  ]),
  ["is deaf from its start, and its watchdog kills it", deaf, 8],
  ["drains for ever", draining, 9],
  ["has a proxy that cannot start", withoutProxy, 4],
])("one that %s", (_what, machine, withinMinutes) => {
  test.each(phases)("is known to be ill and climbs every rung once, read from second %i on", (phase) => {
    const { steps, minutes } = live(machine, phase);
    expect(minutes["ill"]).toBeLessThanOrEqual(withinMinutes);
    expect(steps.slice(0, 3)).toEqual(["restart", "reboot", "rebuild"]);
    expect(minutes["exhausted"]).toBeLessThan(120);
    expect(steps.slice(3).every((step) => step === "restart")).toBe(true);
    // One every half an hour at most, once it needs a person.
    expect(steps.length).toBeLessThan(15);
  });

  test.each(phases)("is never rebuilt without permission, read from second %i on", (phase) => {
    const { steps, minutes } = live(machine, phase, { mayRebuild: false });
    expect(steps).not.toContain("rebuild");
    expect(minutes["exhausted"]).toBeLessThan(60);
  });
});

test.each(phases)("one that dies once and comes back is not ill, read from second %i on", (phase) => {
  const once: Machine = (seconds) => {
    const died = seconds >= 600;
    const upSeconds = died ? Math.floor(seconds - 600) : 9000 + seconds;
    return {
      gateway: { upSeconds, restarts: died ? 1 : 0, answer: died && upSeconds < 20 ? "none" : "started" },
    };
  };
  expect(live(once, phase)).toEqual({ steps: [], minutes: {} });
});
