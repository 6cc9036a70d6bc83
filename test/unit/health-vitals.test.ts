/** Proves what a machine's own words mean, and when something is said to run out. It cannot prove that machines say so. */
import { describe, expect, test } from "vitest";
import { decideBrake } from "../../reconciler/health/brake.ts";
import { findWarnings, toReading, type Warning } from "../../reconciler/health/vitals.ts";
import { vitalsOf, type VitalsChange } from "../support/vitals.ts";

describe("a reading", () => {
  test.each<[string, VitalsChange, string]>([
    ["as it should be", {}, "well"],
    ["it starts", { gateway: { answer: "starting", upSeconds: 5 } }, "busy"],
    [
      "it was started just now and nothing listens yet",
      { gateway: { answer: "none", upSeconds: 20 } },
      "busy",
    ],
    ["it was started by systemd just now, and answers", { gateway: { upSeconds: 20, restarts: 1 } }, "busy"],
    ["it was started by systemd long ago", { gateway: { upSeconds: 200, restarts: 7 } }, "well"],
    ["it was started by a person just now", { gateway: { upSeconds: 20, restarts: 0 } }, "well"],
    ["whether systemd has started it cannot be told", { gateway: { upSeconds: 20, restarts: null } }, "well"],
    ["it drains before it ends", { gateway: { answer: "draining", upSeconds: 9000 } }, "busy"],
    ["it starts for ever", { gateway: { answer: "starting", upSeconds: 121 } }, "gateway-deaf"],
    ["it lives and nothing listens", { gateway: { answer: "none", reason: "ECONNREFUSED" } }, "gateway-deaf"],
    [
      "systemd has given up",
      { gateway: { unit: "failed", upSeconds: null, answer: "none" } },
      "gateway-down",
    ],
    [
      "somebody has stopped it",
      { gateway: { unit: "inactive", upSeconds: null, answer: "none" } },
      "gateway-down",
    ],
    [
      "it dies again and again",
      { gateway: { unit: "activating", upSeconds: null, answer: "none" } },
      "gateway-deaf",
    ],
    ["a page in place of an answer", { gateway: { answer: "unknown" } }, "gateway-deaf"],
    ["nobody listens on 443", { proxy: { unit: "failed", listens: false } }, "proxy-down"],
  ])("%s", (_what, change, expected) => {
    const reading = toReading(vitalsOf(change));
    expect(reading.kind === "ill" ? reading.trouble : reading.kind).toBe(expected);
  });
});

describe("what may run out", () => {
  test.each<[string, VitalsChange, Warning[], Warning[]]>([
    ["nothing", {}, [], []],
    ["the disk at 86 %", { freeMb: 5320 }, [], ["disk"]],
    ["the disk at 82 %, not warned of", { freeMb: 6840 }, [], []],
    ["the disk at 82 %, warned of", { freeMb: 6840 }, ["disk"], ["disk"]],
    ["the disk at 79 %, warned of", { freeMb: 7980 }, ["disk"], []],
    ["files instead of bytes", { inodesFree: 100_000 }, [], ["disk"]],
    ["memory, while there is swap", { availableMb: 50 }, [], []],
    ["memory and swap", { availableMb: 50, swapFreeMb: 100 }, [], ["memory"]],
    ["processors", { load15: 9 }, [], ["load"]],
  ])("%s", (_what, change, before, expected) => {
    expect(findWarnings(vitalsOf(change), before)).toEqual(expected);
  });
});

describe("the brake", () => {
  test.each([
    ["nobody is ill", false, 100, 0, false],
    ["two of two: fewer than three are never many", false, 2, 2, false],
    ["three of three", false, 3, 3, true],
    ["three of a hundred are three cases", false, 100, 3, false],
    ["one in five of many", false, 100, 20, true],
    ["just below", false, 100, 19, false],
    ["engaged, and one in eight is still ill", true, 100, 12, true],
    ["engaged, and fewer than one in ten are", true, 100, 9, false],
    ["engaged, and two are left of ten", true, 10, 2, false],
    ["nobody is read", true, 0, 0, false],
  ])("%s", (_what, engaged, watched, suspected, expected) => {
    expect(decideBrake(engaged, { watched, suspected, open: watched, unreachable: 0 })).toBe(expected);
  });

  test.each([
    ["a single one that lets nobody in may have died", 1, 1, false],
    ["two of two: it may be our own network", 2, 2, true],
    ["one of two", 2, 1, false],
    ["nobody is open", 0, 0, false],
  ])("out of reach: %s", (_what, open, unreachable, expected) => {
    const counts = { watched: 20, suspected: unreachable, open, unreachable };
    expect(decideBrake(false, counts)).toBe(expected);
  });
});
