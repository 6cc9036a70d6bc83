/** Proves that a storm is the same for the same seed, as long as asked and of every kind; and its command line. */
import { describe, expect, test } from "vitest";
import { parseOptions } from "../chaos/options.ts";
import { describeStep, drifts, planStorm, type Step } from "../chaos/plan.ts";

const kindsOf = (steps: readonly Step[]): Set<string> =>
  new Set(
    steps.map(({ act }) => {
      switch (act.type) {
        case "kill":
          return `kill ${act.kill.kind}`;
        case "fault":
          return `fault ${act.fault.kind}`;
        case "work":
          return `work ${act.work.kind === "drift" ? act.work.what : act.work.kind}`;
        case "cell":
          return "cell";
      }
    }),
  );

describe("the plan of a storm", () => {
  test("is the same for the same seed and another for another", () => {
    expect(planStorm({ seed: 7, kills: 50 })).toEqual(planStorm({ seed: 7, kills: 50 }));
    expect(planStorm({ seed: 7, kills: 50 })).not.toEqual(planStorm({ seed: 8, kills: 50 }));
  });

  test("of fewer kills is the beginning of one of more", () => {
    const short = planStorm({ seed: 7, kills: 12 });
    expect(planStorm({ seed: 7, kills: 200 }).slice(0, short.length)).toEqual(short);
  });

  test.each([1, 12, 200])("has exactly %d kills", (kills) => {
    expect(planStorm({ seed: 1, kills }).filter(({ act }) => act.type === "kill")).toHaveLength(kills);
  });

  test("disturbs everything that can be disturbed, sooner or later", () => {
    const kinds = kindsOf([1, 2, 3].flatMap((seed) => planStorm({ seed, kills: 200 })));
    const kills = ["worker", "engine", "runner", "provider", "database"].map((kind) => `kill ${kind}`);
    const faults = ["request", "action", "no-capacity", "machine", "webhooks"].map((kind) => `fault ${kind}`);
    const works = ["order", "change-plan", "override", "cancel", "suspend", "resume", ...drifts];
    for (const kind of [...kills, ...faults, ...works.map((work) => `work ${work}`)])
      expect(kinds).toContain(kind);
  });

  test("can be told in words", () => {
    const words = planStorm({ seed: 1, kills: 40 }).map(describeStep);
    expect(words[0]).toMatch(/^order c1, (starter|pro)$/);
    expect(words.filter((text) => text.includes("undefined"))).toEqual([]);
  });
});

describe("the command line", () => {
  test("has defaults", () => {
    expect(parseOptions([])).toEqual({ kills: 200, seed: 1, settleMs: 300_000, plan: false, keep: false });
  });

  test("takes kills, seed and the bound", () => {
    const options = parseOptions(["--kills", "12", "--seed", "9", "--settle-seconds", "60", "--plan"]);
    expect(options).toEqual({ kills: 12, seed: 9, settleMs: 60_000, plan: true, keep: false });
  });

  test.each([
    [["--kills", "0"], "--kills 0: a whole number from 1 to 10000"],
    [["--kills", "many"], "--kills many"],
    [["--seed", "-1"], "--seed"],
    [["--color"], "--color"],
  ])("refuses %j", (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});
