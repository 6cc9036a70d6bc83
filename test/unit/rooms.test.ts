/** Proves by table which cell takes an instance. Cannot prove that two at once do not take the same place: the rows do. */
import { describe, expect, it, test } from "vitest";
import * as fc from "fast-check";
import { networkZoneOf, locationSchema } from "../../infra/config.ts";
import { recordsPerInstance } from "../../components/naming.ts";
import { listPlacesIn, type Place } from "../../reconciler/converge/placement.ts";
import {
  countRecords,
  countRoom,
  firstPlace,
  rankCells,
  type CellFacts,
} from "../../reconciler/desired/rooms.ts";

type Change = Partial<Omit<CellFacts, "settings">> & Partial<CellFacts["settings"]>;

function cell(name: string, change: Change = {}): CellFacts {
  const { zone, networkZone, capacity, recordQuota, ...facts } = change;
  return {
    name,
    settings: {
      zone: zone ?? `${name}.example`,
      networkZone: networkZone ?? "eu-central",
      capacity: capacity ?? 90,
      recordQuota: recordQuota ?? 200,
    },
    ready: true,
    used: 0,
    drainedAt: null,
    fileGoneAt: null,
    ...facts,
  };
}

const at = (...locations: Place["location"][]): Place[] =>
  locations.map((location) => ({ serverType: "cx23", location }));

describe("rankCells", () => {
  const now = new Date();
  it.each<[string, CellFacts[], Place[], string[] | string]>([
    [
      "takes the one that has most room",
      [cell("a", { used: 5 }), cell("b", { used: 4 })],
      at("nbg1"),
      ["b", "a"],
    ],
    ["takes the first by name among equals", [cell("b"), cell("a")], at("nbg1"), ["a", "b"]],
    [
      "prefers one whose network stands",
      [cell("a", { ready: false }), cell("b", { used: 80 })],
      at("nbg1"),
      ["b", "a"],
    ],
    ["takes one that is not up rather than none", [cell("a", { ready: false })], at("nbg1"), ["a"]],
    ["passes over a full one", [cell("a", { used: 90 }), cell("b", { used: 89 })], at("nbg1"), ["b"]],
    ["passes over a drained one", [cell("a", { drainedAt: now }), cell("b")], at("nbg1"), ["b"]],
    ["passes over one whose file is gone", [cell("a", { fileGoneAt: now }), cell("b")], at("nbg1"), ["b"]],
    [
      "passes over one whose zone has no record left",
      [cell("a", { recordQuota: 21, used: 10 }), cell("b")],
      at("nbg1"),
      ["b"],
    ],
    [
      "counts the records of every cell of a zone",
      [
        cell("a", { zone: "one.example", recordQuota: 100, used: 20 }),
        cell("b", { zone: "one.example", recordQuota: 100, used: 30 }),
      ],
      at("nbg1"),
      "cells_full",
    ],
    [
      "follows the order of the plan's locations before room",
      [cell("eu", { used: 1 }), cell("us", { networkZone: "us-east" })],
      at("fsn1", "ash"),
      ["eu", "us"],
    ],
    [
      "goes to the next location's zone when the first one's is full",
      [cell("eu", { used: 90 }), cell("us", { networkZone: "us-east" })],
      at("fsn1", "ash"),
      ["us"],
    ],
    ["says so when every cell is full", [cell("a", { used: 90 })], at("nbg1"), "cells_full"],
    ["says so when no cell is where the plan may stand", [cell("a")], at("ash", "sin"), "no_cell_for_plan"],
    ["says so when there is no cell", [], at("nbg1"), "no_cell_for_plan"],
  ])("%s", (_what, cells, places, expected) => {
    const ranked = rankCells(cells, places);
    expect(Array.isArray(ranked) ? ranked.map(({ name }) => name) : ranked.kind).toEqual(expected);
  });

  it("names the zones that a plan could stand in", () => {
    expect(rankCells([cell("a")], at("ash", "hil"))).toMatchObject({
      detail: expect.stringContaining("us-east, us-west"),
    });
  });
});

test("a zone that two cells describe differently has the smaller quota", () => {
  const cells = [
    cell("a", { zone: "one.example", recordQuota: 200, used: 3 }),
    cell("b", { zone: "one.example", recordQuota: 50 }),
    cell("c"),
  ];
  expect(countRecords(cells, "one.example")).toEqual({ used: 3 * recordsPerInstance, quota: 50 });
});

test("filling the best cell again and again never goes over a capacity or a quota, and leaves no room unused", () => {
  const zones = ["one.example", "two.example"];
  const facts = fc.record({
    capacity: fc.integer({ min: 1, max: 12 }),
    zone: fc.constantFrom(...zones),
    recordQuota: fc.integer({ min: 0, max: 30 }),
  });
  fc.assert(
    fc.property(fc.array(facts, { minLength: 1, maxLength: 5 }), (many) => {
      const cells = many.map((one, index) => cell(`c${index}`, one));
      for (;;) {
        const ranked = rankCells(cells, at("nbg1"));
        if (!Array.isArray(ranked)) break;
        const [best] = ranked;
        if (best) best.used += 1;
      }
      for (const one of cells) {
        const records = countRecords(cells, one.settings.zone);
        expect(one.used).toBeLessThanOrEqual(one.settings.capacity);
        expect(records.used).toBeLessThanOrEqual(records.quota);
        expect(countRoom(cells, one)).toBe(0);
      }
    }),
  );
});

test("a server is tried only where it can join its cell's network", () => {
  const places = at("ash", "fsn1", "hel1");
  expect(listPlacesIn(places, "eu-central").map(({ location }) => location)).toEqual(["fsn1", "hel1"]);
  expect(firstPlace(places, cell("us", { networkZone: "us-east" }))?.location).toBe("ash");
  expect(new Set(locationSchema.options.map(networkZoneOf))).toHaveLength(4);
});
