/** Proves the pure decisions of converge by table: what to do, where to place, how long to wait, which address is free. */
import { describe, expect, test } from "vitest";
import { backoffMs } from "../../reconciler/converge/backoff.ts";
import { decideConverge, type ConvergeFacts } from "../../reconciler/converge/decide.ts";
import { listPlaces, nextPlace } from "../../reconciler/converge/placement.ts";
import { findFreeAddress } from "../../reconciler/desired/addresses.ts";
import { planSchema } from "../../infra/config.ts";

const settled: ConvergeFacts = {
  phase: "running",
  status: "ready",
  generation: 3,
  observedGeneration: 3,
  cellReady: true,
  hold: false,
  reason: "resync",
};

describe("what to do", () => {
  test.each<[string, Partial<ConvergeFacts>, string]>([
    ["nothing when it is as desired", {}, "nothing"],
    ["up when a new generation is wanted", { generation: 4 }, "up"],
    ["up when the last try did not end well", { status: "waiting" }, "up"],
    ["up when a person asks", { reason: "operator" }, "up"],
    ["up when drift is suspected", { reason: "drift" }, "up"],
    ["up for a suspended one, which keeps its machine", { phase: "suspended", generation: 4 }, "up"],
    ["destroy when it should be gone", { phase: "gone" }, "destroy"],
    ["destroy even without a cell", { phase: "gone", cellReady: false }, "destroy"],
    ["the cell first when it is not up", { cellReady: false, generation: 4 }, "cell-first"],
    ["nothing once it is gone", { status: "gone", phase: "gone" }, "nothing"],
    ["nothing while held, whatever is wanted", { hold: true, phase: "gone" }, "nothing"],
  ])("%s", (_name, change, kind) => {
    expect(decideConverge({ ...settled, ...change }).kind).toBe(kind);
  });

  test("only a suspicion of drift pays for a refresh", () => {
    expect(decideConverge({ ...settled, reason: "drift" })).toEqual({ kind: "up", refresh: true });
    expect(decideConverge({ ...settled, reason: "operator" })).toEqual({ kind: "up", refresh: false });
  });
});

describe("where", () => {
  const plan = planSchema.parse({
    name: "x",
    summary: "x",
    stripeLookupKey: "x",
    serverTypes: ["cx23", "cx33"],
    locations: ["nbg1", "fsn1"],
  });
  const text = (places: readonly { serverType: string; location: string }[]) =>
    places.map(({ serverType, location }) => `${serverType} ${location}`);

  test("all locations of the wanted type before the next type", () => {
    expect(text(listPlaces(plan, {}))).toEqual(["cx23 nbg1", "cx23 fsn1", "cx33 nbg1", "cx33 fsn1"]);
  });

  test("an override leaves no choice in what it names", () => {
    expect(text(listPlaces(plan, { location: "hel1" }))).toEqual(["cx23 hel1", "cx33 hel1"]);
    expect(text(listPlaces(plan, { serverType: "cx43" }))).toEqual(["cx43 nbg1", "cx43 fsn1"]);
  });

  test("the next place follows in order, and there is none after the last", () => {
    const places = listPlaces(plan, {});
    expect(nextPlace(places, { serverType: "cx23", location: "fsn1" })).toEqual(places[2]);
    expect(nextPlace(places, { serverType: "cx33", location: "fsn1" })).toBeUndefined();
    expect(nextPlace(places, { serverType: "gone", location: "fsn1" })).toEqual(places[0]);
  });
});

describe("how long", () => {
  test("doubles from the first wait, at most ten minutes, a quarter to either side", () => {
    expect([1, 2, 3].map((failures) => backoffMs(failures, 0.5, 5000))).toEqual([5000, 10_000, 20_000]);
    expect(backoffMs(1, 0, 5000)).toBe(3750);
    expect(backoffMs(1, 1, 5000)).toBe(6250);
    expect(backoffMs(60, 0.5, 5000)).toBe(600_000);
    expect(backoffMs(0, 0.5, 5000)).toBe(5000);
  });
});

describe("which address", () => {
  test("the lowest free one after gateway and backend", () => {
    expect(findFreeAddress("10.0.0.0/24", new Set(), "10.0.0.2")).toBe("10.0.0.3");
    expect(findFreeAddress("10.0.0.0/24", new Set(["10.0.0.3", "10.0.0.5"]), "10.0.0.2")).toBe("10.0.0.4");
    expect(findFreeAddress("10.0.0.0/24", new Set(), "10.0.0.3")).toBe("10.0.0.4");
    expect(findFreeAddress("10.0.255.0/29", new Set(["10.0.255.3"]), "10.0.255.2")).toBe("10.0.255.4");
  });

  test("none when the range is full; the broadcast address is nobody's", () => {
    const taken = new Set(["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
    expect(findFreeAddress("10.0.0.0/29", taken, "10.0.0.2")).toBeUndefined();
  });
});
