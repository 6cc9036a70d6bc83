/**
 * Proves what follows from readings: when an instance is ill and well again, which step is due and when, and that over any run of
 * readings no step comes too early, too hard, or while it is forbidden. It cannot prove that a step helps.
 */
import { array, assert, boolean, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decideHealth,
  healthPolicy,
  newHealth,
  rungs,
  type Health,
  type HealthContext,
} from "../../reconciler/health/decide.ts";
import type { Reading } from "../../reconciler/health/vitals.ts";
import { vitalsOf } from "../support/vitals.ts";

const vitals = vitalsOf();
const well: Reading = { kind: "well", vitals };
const busy: Reading = { kind: "busy", vitals };
const down: Reading = { kind: "ill", trouble: "gateway-down", detail: "its unit is failed", vitals };
const lost: Reading = { kind: "ill", trouble: "unreachable", detail: "ETIMEDOUT" };
const readings = { "+": well, "~": busy, "-": down, x: lost } as const;

const isReading = (letter: string): letter is keyof typeof readings => letter in readings;

/** One letter a reading: `+` well, `~` busy, `-` gateway down, `x` unreachable. Answers what was done and said, in order. */
function live(story: string, context: Partial<HealthContext> = {}, start: Health = newHealth) {
  let health = start;
  const log: string[] = [];
  for (const [at, letter] of story.replaceAll(" ", "").split("").entries()) {
    if (!isReading(letter)) throw new Error(`${letter} is no reading`);
    const result = decideHealth(health, readings[letter], {
      healing: "allowed",
      mayRebuild: false,
      ...context,
    });
    ({ health } = result);
    for (const { kind } of result.events) log.push(`${at + 1} ${kind}`);
    if (result.step !== null) log.push(`${at + 1} ${result.step}`);
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

  test.each(["braked", "held"] as const)("%s: it is ill, and nothing is done", (healing) => {
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
    return decideHealth(before, reading, { healing: "allowed", mayRebuild: false });
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
      healing: constantFrom("allowed", "braked", "held"),
    }),
    { maxLength: 12 },
  ).map((parts) =>
    parts.flatMap(({ letter, times, healing }) => Array.from({ length: times }, () => ({ letter, healing }))),
  );

  test("no step without enough bad readings in a row, none that is forbidden, none that is too hard", () => {
    const told = property(stories, boolean(), (story, mayRebuild) => {
      expect(findFault(story, mayRebuild)).toBeUndefined();
    });
    assert(told, { numRuns: 500 });
  });
});

type Told = { letter: string; healing: HealthContext["healing"] };

/** What a run of readings led to that must not be; counted here in another way than the decision does. */
function findFault(story: readonly Told[], mayRebuild: boolean): string | undefined {
  let health = newHealth;
  let bad = 0;
  let good = 0;
  let hardest = -1;
  for (const [at, { letter, healing }] of story.entries()) {
    if (!isReading(letter)) return `${letter} is no reading`;
    good = letter === "+" ? good + 1 : letter === "~" ? good : 0;
    bad = letter === "+" ? 0 : letter === "~" ? bad : bad + 1;
    if (good >= healthPolicy.calm) hardest = -1;
    const result = decideHealth(health, readings[letter], { healing, mayRebuild });
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
      result.step === "rebuild" && hardest !== rungs.indexOf("reboot") && "no reboot was tried before",
      !health.exhausted && rung <= hardest && "it was tried before",
    ];
    const fault = faults.find((one) => one !== false);
    if (fault !== undefined) return `${result.step} at ${at}: ${fault}`;
    hardest = Math.max(hardest, rung);
    bad = 0;
  }
  return undefined;
}
