/**
 * Proves what is done about an instance for every combination of facts, how long a failed try waits, and where a server may
 * stand next. Cannot prove that the facts are true, nor what the doing does: the converge tests on real rows show that.
 */
import { describe, expect, it } from "vitest";
import { phases } from "../../infra/config.ts";
import { backoffMs } from "../../reconciler/converge/backoff.ts";
import { decideConverge, type ConvergeFacts, type Decision } from "../../reconciler/converge/decide.ts";
import { listPlaces, nextPlace, type Place } from "../../reconciler/converge/placement.ts";
import { reasonSchema } from "../../reconciler/queue/jobs.ts";
import { instanceStatuses } from "../../reconciler/web/order-view.ts";
import { makePlan } from "../support/instance-inputs.ts";

const settled: ConvergeFacts = {
  phase: "running",
  status: "ready",
  generation: 3,
  observedGeneration: 3,
  cellReady: true,
  hasSnapshot: false,
  misfit: false,
  hold: false,
  paused: false,
  reason: "resync",
};
const asDesired: Decision = { kind: "nothing", why: "it is as desired" };
const up: Decision = { kind: "up", refresh: false };

/** Every combination of the facts that count. */
const everything: ConvergeFacts[] = phases.flatMap((phase) =>
  instanceStatuses.flatMap((status) =>
    reasonSchema.options.flatMap((reason) =>
      [2, 3, 4].flatMap((observedGeneration) =>
        [true, false].flatMap((cellReady) =>
          [true, false].map((hold) => ({
            paused: false,
            phase,
            status,
            reason,
            generation: 3,
            observedGeneration,
            cellReady,
            hasSnapshot: false,
            misfit: false,
            hold,
          })),
        ),
      ),
    ),
  ),
);

describe("decideConverge", () => {
  it.each<[string, Partial<ConvergeFacts>, Decision]>([
    ["leaves alone what is as desired", {}, asDesired],
    ["goes up for a newer generation", { generation: 4 }, up],
    [
      "goes up for a paid instance that was never made",
      { status: "pending", observedGeneration: 0, reason: "paid" },
      up,
    ],
    ["goes up for one that may become what its plan wants", { misfit: true }, up],
    ["goes up again after a try that failed", { status: "waiting" }, up],
    ["goes up again after a run that died", { status: "converging" }, up],
    ["goes up when parked and asked", { status: "parked", reason: "operator" }, up],
    ["goes up for an operator although nothing changed", { reason: "operator" }, up],
    ["looks at the clouds first when drift was seen", { reason: "drift" }, { kind: "up", refresh: true }],
    [
      "goes up for an operator whose order a more urgent one joined",
      { reason: "paid", also: "operator" },
      up,
    ],
    [
      "leaves alone what is paused, whatever is asked",
      { paused: true, phase: "gone", reason: "operator" },
      { kind: "nothing", why: "an operator has paused it" },
    ],
    [
      "archives nothing that is paused",
      { paused: true, phase: "archived", generation: 4 },
      { kind: "nothing", why: "an operator has paused it" },
    ],
    [
      "keeps the snapshot of one that is paused",
      { paused: true, hasSnapshot: true },
      { kind: "nothing", why: "an operator has paused it" },
    ],
    [
      "looks at the clouds first when a pull request was reviewed that way",
      { generation: 4, reason: "pull-request" },
      { kind: "up", refresh: true },
    ],
    ["suspends by the same way", { phase: "suspended", generation: 4 }, up],
    ["leaves a suspended one alone that is settled", { phase: "suspended" }, asDesired],
    ["destroys what should be gone", { phase: "gone", generation: 4, reason: "cancel" }, { kind: "destroy" }],
    ["destroys it even when its row looks settled", { phase: "gone" }, { kind: "destroy" }],
    ["destroys it although its cell is not up", { phase: "gone", cellReady: false }, { kind: "destroy" }],
    ["waits for the cell", { cellReady: false, generation: 4 }, { kind: "cell-first" }],
    [
      "does nothing about what is gone",
      { phase: "gone", status: "gone" },
      { kind: "nothing", why: "it is gone" },
    ],
    [
      "leaves alone what is held",
      { hold: true, generation: 9 },
      { kind: "nothing", why: "an override holds it as it is" },
    ],
    [
      "never deletes what is held",
      { hold: true, phase: "gone" },
      { kind: "nothing", why: "an override holds it as it is" },
    ],
  ])("%s", (_what, change, decision) => {
    expect(decideConverge({ ...settled, ...change })).toEqual(decision);
  });

  it("never touches what is held or gone, whatever else is true", () => {
    const touched = everything.filter(
      (facts) => (facts.hold || facts.status === "gone") && decideConverge(facts).kind !== "nothing",
    );
    expect(touched).toEqual([]);
  });

  it("destroys exactly what should be gone, is not gone yet and is not held", () => {
    const destroyed = everything.filter((facts) => decideConverge(facts).kind === "destroy");
    const right = everything.filter(
      (facts) => facts.phase === "gone" && facts.status !== "gone" && !facts.hold,
    );
    expect(destroyed).toEqual(right);
    expect(destroyed.length).toBeGreaterThan(0);
  });

  it("never goes up without a cell", () => {
    expect(everything.filter((facts) => !facts.cellReady && decideConverge(facts).kind === "up")).toEqual([]);
  });

  it("never calls settled what lags behind its generation", () => {
    const wrong = everything.filter((facts) => {
      const decision = decideConverge(facts);
      return facts.observedGeneration < 3 && decision.kind === "nothing" && decision.why === asDesired.why;
    });
    expect(wrong).toEqual([]);
  });
});

describe("backoffMs", () => {
  it.each([
    [1, 5_000],
    [2, 10_000],
    [3, 20_000],
    [7, 320_000],
    [8, 600_000],
    [21, 600_000],
    [10_000, 600_000],
    [0, 5_000],
    [-1, 5_000],
  ])("waits, after %i failures, about %i ms", (failures, ms) => {
    expect(backoffMs(failures, 0.5, 5000)).toBe(ms);
    expect(backoffMs(failures, 0, 5000)).toBe(ms * 0.75);
    expect(backoffMs(failures, 1, 5000)).toBe(ms * 1.25);
  });

  it("never waits less after one failure more", () => {
    const waits = Array.from({ length: 40 }, (_, failures) => backoffMs(failures, 0.5, 5000));
    expect(waits.toSorted((a, b) => a - b)).toEqual(waits);
  });

  it("spreads those who failed together", () => {
    const waits = Array.from({ length: 100 }, (_, index) => backoffMs(4, index / 100, 5000));
    expect(new Set(waits).size).toBe(100);
  });
});

describe("placement", () => {
  const plan = makePlan({ serverTypes: ["cx23", "cx33"], locations: ["nbg1", "fsn1"] });
  const text = ({ serverType, location }: Place) => `${serverType} in ${location}`;

  it.each([
    ["the plan", {}, ["cx23 in nbg1", "cx23 in fsn1", "cx33 in nbg1", "cx33 in fsn1"]],
    ["an override of the type", { serverType: "ccx13" }, ["ccx13 in nbg1", "ccx13 in fsn1"]],
    ["an override of the location", { location: "hel1" }, ["cx23 in hel1", "cx33 in hel1"]],
    ["an override of both", { serverType: "ccx13", location: "sin" }, ["ccx13 in sin"]],
    [
      "an override of something else",
      { hold: true },
      ["cx23 in nbg1", "cx23 in fsn1", "cx33 in nbg1", "cx33 in fsn1"],
    ],
  ] as const)("lists, by %s, every location of a type before the next type", (_what, override, places) => {
    expect(listPlaces(plan, override).map(text)).toEqual(places);
  });

  it("goes through all places once and then has none", () => {
    const places = listPlaces(plan, {});
    const seen: string[] = [];
    for (let at = places[0]; at !== undefined && seen.length < 10; at = nextPlace(places, at))
      seen.push(text(at));
    expect(seen).toEqual(places.map(text));
  });

  it("has none after the only place", () => {
    const places = listPlaces(plan, { serverType: "ccx13", location: "sin" });
    expect(nextPlace(places, { serverType: "ccx13", location: "sin" })).toBeUndefined();
  });

  it("takes a place by type and location together", () => {
    expect(nextPlace(listPlaces(plan, {}), { serverType: "cx33", location: "nbg1" })).toEqual({
      serverType: "cx33",
      location: "fsn1",
    });
  });
});
