/** Proves how a bench writes its figures down and what it takes from several rounds; measures nothing. */
import { describe, expect, test } from "vitest";
import { toLine, toTable } from "../bench/figures.ts";
import { createSamples } from "../bench/samples.ts";

describe("figures", () => {
  test("a line holds baseline and ratio where there is a baseline, in three digits", () => {
    expect(
      JSON.parse(toLine("converge", { case: "change", value: 1.23456, unit: "s", baseline: 4 })),
    ).toEqual({
      bench: "converge",
      case: "change",
      value: 1.23,
      unit: "s",
      baseline: 4,
      ratio: 0.309,
    });
    expect(JSON.parse(toLine("converge", { case: "skipped", value: 0, unit: "processes" }))).toEqual({
      bench: "converge",
      case: "skipped",
      value: 0,
      unit: "processes",
    });
  });

  test("the table says which goals were held", () => {
    const table = toTable([
      { case: "change", value: 1, unit: "s", baseline: 2, goal: 0.6 },
      { case: "no-change", value: 1, unit: "s", baseline: 2, goal: 0.4 },
    ]);
    expect(table.split("\n").slice(1)).toEqual([
      expect.stringMatching(/^change .* 0\.5x +<= 0\.6x held$/),
      expect.stringMatching(/^no-change .* 0\.5x +<= 0\.4x MISSED$/),
    ]);
  });
});

describe("samples", () => {
  test.each([
    [[5, 1, 3], 3],
    [[9, 2, 4, 1], 3],
    [[7], 7],
  ])("the median of rounds of %j seconds is %d", async (rounds, median) => {
    const ticks = rounds.flatMap((seconds) => [0, seconds * 1000]);
    const samples = createSamples(() => ticks.shift() ?? 0);
    for (const _ of rounds) await samples.time("a", () => Promise.resolve());
    expect(samples.median("a")).toBe(median);
  });

  test("what was never timed has no median", () => {
    expect(() => createSamples().median("b")).toThrow("b was never timed");
  });
});
