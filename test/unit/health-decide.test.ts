/**
 * Proves what follows from readings: when an instance is ill and well again, which step is due and when, and that over any run of
 * readings no step comes too early, too hard, or while it is forbidden. It cannot prove that a step helps.
 */
import { array, assert, boolean, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  afterStep,
  decideHealth,
  healthPolicy,
  newHealth,
  rungs,
  type Health,
  type HealthContext,
} from "../../reconciler/health/decide.ts";
import type { Reading } from "../../reconciler/health/vitals.ts";
import { longestBusyMs } from "../../reconciler/health/judge.ts";
import { vitalsOf } from "../support/vitals.ts";

const vitals = vitalsOf();
const well: Reading = { kind: "well", vitals };
const busy: Reading = { kind: "busy", vitals };
const down: Reading = { kind: "ill", trouble: "gateway-down", detail: "its unit is failed", vitals };
const lost: Reading = { kind: "ill", trouble: "unreachable", detail: "ETIMEDOUT" };
const readings = { "+": well, "~": busy, "-": down, x: lost } as const;

const at = (minute: number) => new Date(Date.UTC(2026, 10, 20, 12, minute));
/** The first busy reading in a row that is too many, one a minute. */
const busyTooLong = longestBusyMs / 60_000 + 1;

const isReading = (letter: string): letter is keyof typeof readings => letter in readings;

/** One letter a minute: `+` well, `~` busy, `-` gateway down, `x` unreachable. Every step is taken. Answers what was done and said. */
function live(story: string, context: Partial<HealthContext> = {}, start: Health = newHealth) {
  let health = start;
  const log: string[] = [];
  for (const [index, letter] of story.replaceAll(" ", "").split("").entries()) {
    if (!isReading(letter)) throw new Error(`${letter} is no reading`);
    const result = decideHealth(health, readings[letter], {
      healing: "allowed",
      mayRebuild: false,
      now: at(index),
      ...context,
    });
    ({ health } = result);
    for (const { kind } of result.events) log.push(`${index + 1} ${kind}`);
    if (result.step === null) continue;
    log.push(`${index + 1} ${result.step}`);
    health = afterStep(health, result.step);
  }
  return { health, log };
}

const calm = "+".repeat(healthPolicy.calm);

describe("verdict", () => {
  test.each([
    ["one bad reading is none", "+ -", []],
    ["two are none", "+ - - +", []],
    ["three in a row are: it is helped", "+ - - -", ["4 ill", "4 restart"]],
    ["a good one in between begins anew", "- - + - -", []],
    ["a busy one neither counts nor begins anew", "- ~ - ~ -", ["5 ill", "5 restart"]],
    ["a busy one of a well one says nothing", "+ ~ ~ ~ ~ ~", []],
    [
      "one that is busy for long is bad",
      `+ ${"~".repeat(busyTooLong + 2)}`,
      [`${busyTooLong + 3} ill`, `${busyTooLong + 3} restart`],
    ],
    ["busy, well and busy again is not long", "~~~~~+".repeat(9), []],
    ["one good reading does not make it well again", "--- + -", ["3 ill", "3 restart"]],
    ["two in a row do", "--- ++", ["3 ill", "3 restart", "5 well"]],
  ])("%s", (_what, story, log) => {
    expect(live(story).log).toEqual(log);
  });
});

describe("the ladder", () => {
  test.each([
    [
      "restart, then a reboot, then a person",
      "--- --- -----",
      {},
      ["3 ill", "3 restart", "6 reboot", "11 exhausted"],
    ],
    [
      "with the plan's permission a rebuild comes before the person",
      `--- --- ----- ${"-".repeat(20)}`,
      { mayRebuild: true },
      ["3 ill", "3 restart", "6 reboot", "11 rebuild", "31 exhausted"],
    ],
    ["nobody asks a machine to restart anything that lets nobody in", "xxx", {}, ["3 ill", "3 reboot"]],
    [
      "an unreachable one is never restarted after its reboot",
      "xxx xxxxx",
      {},
      ["3 ill", "3 reboot", "8 exhausted"],
    ],
    [
      "what falls ill again soon goes on climbing",
      "--- ++ ---",
      {},
      ["3 ill", "3 restart", "5 well", "8 ill", "8 reboot"],
    ],
    [
      "what was well for long begins at the foot",
      `--- ${calm} ---`,
      {},
      ["3 ill", "3 restart", "5 well", "36 ill", "36 restart"],
    ],
    [
      "an exhausted one is helped again after a long pause, as gently as can be",
      `xxx xxxxx ${"-".repeat(60)}`,
      {},
      ["3 ill", "3 reboot", "8 exhausted", "38 restart", "68 restart"],
    ],
  ])("%s", (_what, story, context, log) => {
    expect(live(story, context).log).toEqual(log);
  });

  test("a step that was asked for and not taken is asked for again, and no harder one", () => {
    const asked: (string | null)[] = [];
    let health = newHealth;
    for (let minute = 0; minute < 40; minute += 1) {
      const context = { healing: "allowed", mayRebuild: true, now: at(minute) } as const;
      const result = decideHealth(health, down, context);
      ({ health } = result);
      asked.push(result.step);
    }
    expect(new Set(asked)).toEqual(new Set([null, "restart"]));
  });

  test.each(["braked", "held", "under-way"] as const)("%s: it is ill, and nothing is done", (healing) => {
    expect(live("----------", { healing }).log).toEqual(["3 ill"]);
  });

  test("when the brake lets go, the step that was due comes at once", () => {
    const { health } = live("-----", { healing: "braked" });
    expect(live("-", {}, health).log).toEqual(["1 restart"]);
  });
});

describe("warnings", () => {
  const read = (freeMb: number, before: Health) => {
    const reading: Reading = { kind: "well", vitals: vitalsOf({ freeMb }) };
    return decideHealth(before, reading, { healing: "allowed", mayRebuild: false, now: at(0) });
  };
  test("a disk that fills is said once, and again only after it had room", () => {
    let health = newHealth;
    const said: boolean[] = [];
    for (const freeMb of [20_000, 5000, 4000, 6500, 5000, 20_000, 5000]) {
      const result = read(freeMb, health);
      ({ health } = result);
      said.push(result.events.some(({ kind }) => kind === "warning"));
    }
    expect(said).toEqual([false, true, false, false, false, false, true]);
  });
});

describe("over any run of readings", () => {
  const stories = array(
    record({
      letter: constantFrom("+", "~", "-", "x"),
      times: integer({ min: 1, max: 40 }),
      healing: constantFrom("allowed", "braked", "held", "under-way"),
      taken: boolean(),
    }),
    { maxLength: 12 },
  ).map((parts) => parts.flatMap(({ times, ...told }) => Array.from({ length: times }, () => told)));

  test("no step without enough bad readings in a row, none that is forbidden, none that is too hard", () => {
    const told = property(stories, boolean(), (story, mayRebuild) => {
      expect(findFault(story, mayRebuild)).toBeUndefined();
    });
    assert(told, { numRuns: 500 });
  });
});

type Told = { letter: string; healing: HealthContext["healing"]; taken: boolean };

/** What a run of readings led to that must not be; counted here in another way than the decision does. */
function findFault(story: readonly Told[], mayRebuild: boolean): string | undefined {
  let health = newHealth;
  let bad = 0;
  let good = 0;
  let busyInARow = 0;
  /** Of those that were really taken. */
  let hardest = -1;
  for (const [index, { letter, healing, taken }] of story.entries()) {
    if (!isReading(letter)) return `${letter} is no reading`;
    busyInARow = letter === "~" ? busyInARow + 1 : 0;
    const isBad = letter === "-" || letter === "x" || busyInARow >= busyTooLong;
    good = letter === "+" ? good + 1 : isBad ? 0 : good;
    bad = letter === "+" ? 0 : isBad ? bad + 1 : bad;
    if (good >= healthPolicy.calm) hardest = -1;
    const result = decideHealth(health, readings[letter], { healing, mayRebuild, now: at(index) });
    ({ health } = result);
    if (result.events.some(({ kind }) => kind === "exhausted")) bad = 0;
    if (result.step === null) continue;
    const rung = rungs.indexOf(result.step);
    const faults = [
      healing !== "allowed" && "it was forbidden",
      bad < healthPolicy.strikes && `after ${bad} bad readings`,
      health.verdict !== "ill" && "it was not ill",
      letter === "x" && result.step === "restart" && "nobody was there to restart anything",
      result.step === "rebuild" && !mayRebuild && "the plan does not allow it",
      result.step === "rebuild" && hardest !== rungs.indexOf("reboot") && "no reboot was taken before",
      !health.exhausted && rung <= hardest && "it was taken before",
    ];
    const fault = faults.find((one) => one !== false);
    if (fault !== undefined) return `${result.step} at ${index}: ${fault}`;
    if (!taken) continue;
    health = afterStep(health, result.step);
    hardest = Math.max(hardest, rung);
    bad = 0;
    good = 0;
    busyInARow = 0;
  }
  return undefined;
}
