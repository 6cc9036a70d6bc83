/**
 * Proves which domains of customers' own are served and which are refused, in whose favour and with which words, and where in DNS
 * an instance has its names. Cannot prove that rows and files hold what is said here: integration/custom-domains.test.ts does.
 */
import { describe, expect, test } from "vitest";
import { hostsOf, isCovered, shownHost, zoneOf } from "../../components/hosts.ts";
import { cellOutputsSchema } from "../../infra/outputs.ts";
import { findDnsNames } from "../../reconciler/cloud/dns-names.ts";
import { judgeDomains, type DomainFacts } from "../../reconciler/desired/domains.ts";
import { instanceOutputs, makeInstanceInputs } from "../support/instance-inputs.ts";

describe("the names of an instance", () => {
  test.each([
    [{}, ["bob.claws.example"]],
    [{ address: "robert" }, ["robert.claws.example"]],
    [{ customDomain: "ai.firm.example" }, ["bob.claws.example", "ai.firm.example"]],
    [{ address: "robert", customDomain: "firm.example" }, ["robert.claws.example", "firm.example"]],
  ])("by the override %j are %j, and the last is shown", (override, hosts) => {
    expect(hostsOf({ slug: "bob", override }, "claws.example")).toEqual(hosts);
    expect(shownHost({ slug: "bob", override }, "claws.example")).toBe(hosts.at(-1));
  });

  test.each([
    ["ai.firm.example", "firm.example"],
    ["firm.example", "firm.example"],
    ["a.b.firm.example", "b.firm.example"],
    ["notfirm.example", undefined],
    ["example", undefined],
  ])("%s is in the nearest zone, %s", (domain, zone) => {
    expect(zoneOf(domain, ["firm.example", "b.firm.example"])).toBe(zone);
  });

  test("are covered by Cloudflare's certificate down to one label", () => {
    const covered = ["firm.example", "ai.firm.example", "a.b.firm.example"].map((one) =>
      isCovered(one, "firm.example"),
    );
    expect(covered).toEqual([true, true, false]);
  });
});

const eu1 = { zone: "claws.example", customZones: ["firm.example", "shop.example"] };
const eu2 = { zone: "paws.example", customZones: ["other.example"] };
const cells = new Map([
  ["eu1", eu1],
  ["eu2", eu2],
]);

function judge(wanted: Record<string, string>, facts: Partial<DomainFacts> = {}) {
  const overrides = new Map(
    Object.entries(wanted).map(([slug, customDomain]) => [slug, { plan: "pro", customDomain }]),
  );
  const { overrides: settled, refused } = judgeDomains(overrides, {
    holders: Object.keys(wanted).map((slug) => ({ slug, cell: "eu1", domain: null })),
    cells,
    files: new Map(),
    ...facts,
  });
  return {
    had: Object.fromEntries([...settled].map(([slug, { customDomain }]) => [slug, customDomain])),
    refused: Object.fromEntries(refused),
  };
}

describe("a domain that an override asks for", () => {
  test("in a zone of the customer's cell is had", () => {
    expect(judge({ bob: "ai.firm.example", amy: "shop.example" })).toEqual({
      had: { bob: "ai.firm.example", amy: "shop.example" },
      refused: {},
    });
  });

  test.each([
    [
      "in no zone of the cell",
      "ai.other.example",
      "is in no zone that the cell eu1 knows (clawfleet:customZones: firm.example, shop.example)",
    ],
    [
      "that is somebody's address",
      "amy.claws.example",
      "is an address of the service's own zone claws.example: use clawfleet:address",
    ],
    [
      "that is an address of another cell",
      "amy.paws.example",
      "is an address of the service's own zone paws.example",
    ],
    ["that is a reserved name", "www.claws.example", "is an address of the service's own zone claws.example"],
    [
      "that is the service's zone itself",
      "claws.example",
      "is an address of the service's own zone claws.example",
    ],
    [
      "too deep for Cloudflare's certificate",
      "a.b.firm.example",
      "is more than one label below firm.example",
    ],
  ])("%s is refused: %s", (_what, domain, reason) => {
    const { had, refused } = judge({ bob: domain });
    expect(had).toEqual({ bob: undefined });
    expect(refused["bob"]?.kind).toBe("domain_refused");
    expect(refused["bob"]?.message).toContain(
      `the override of bob asks for the domain ${domain}, which ${reason}`,
    );
  });

  test("that somebody has stays theirs, and whoever asks keeps what they have", () => {
    const holders = [
      { slug: "amy", cell: "eu1", domain: "shop.example" },
      { slug: "bob", cell: "eu1", domain: "ai.firm.example" },
    ];
    expect(judge({ amy: "ai.firm.example" }, { holders })).toEqual({
      had: { amy: "shop.example" },
      refused: {
        amy: {
          kind: "address_taken",
          message: "the override of amy asks for the domain ai.firm.example, which bob has",
        },
      },
    });
  });

  test("by two at once is the first one's by name, and the other is told whose it is", () => {
    const { had, refused } = judge({ bob: "ai.firm.example", amy: "ai.firm.example" });
    expect(had).toEqual({ amy: "ai.firm.example", bob: undefined });
    expect(refused["bob"]?.message).toBe(
      "the override of bob asks for the domain ai.firm.example, which amy has",
    );
  });

  test("by somebody without a cell may be in any cell's zone", () => {
    const holders = [{ slug: "bob", cell: null, domain: null }];
    expect(judge({ bob: "other.example" }, { holders }).refused).toEqual({});
    expect(judge({ new: "other.example" }, { holders: [] }).refused).toEqual({});
    expect(judge({ new: "x.example" }, { holders: [] }).refused["new"]?.message).toContain(
      "is in no zone that any cell knows (clawfleet:customZones: firm.example, other.example, shop.example)",
    );
  });

  test("in a zone that only the cell's file has is judged by the file", () => {
    const files = new Map([["eu1", { ...eu1, customZones: ["new.example"] }]]);
    expect(judge({ bob: "ai.new.example" }, { files }).had).toEqual({ bob: "ai.new.example" });
  });

  test("whose zone was taken out of the cell's file is said, and kept while the row has the zone", () => {
    const holders = [{ slug: "bob", cell: "eu1", domain: "ai.firm.example" }];
    const files = new Map([["eu1", { ...eu1, customZones: [] }]]);
    const kept = judge({ bob: "ai.firm.example" }, { holders, files });
    expect(kept.had).toEqual({ bob: "ai.firm.example" });
    expect(kept.refused["bob"]?.message).toContain("(clawfleet:customZones: none)");
    const gone = new Map([["eu1", { ...eu1, customZones: [] }]]);
    expect(judge({ bob: "ai.firm.example" }, { holders, cells: gone }).had).toEqual({ bob: undefined });
  });
});

describe("where an instance is in DNS", () => {
  const cell = cellOutputsSchema.parse({
    ...makeInstanceInputs().cell.outputs,
    zoneId: "own",
    customZones: { "firm.example": "firm", "shop.example": "shop" },
  });
  const own = { zone: "claws.example", zoneId: "own" };
  const firm = { zone: "firm.example", zoneId: "firm" };
  const outputs = (...hosts: string[]) => ({ ...instanceOutputs, hosts });

  test("without a domain is the cell's zone alone", () => {
    expect(findDnsNames({ slug: "bob", override: {}, outputs: null }, cell)).toEqual({
      own: { host: "bob.claws.example", ...own },
      domain: undefined,
      zones: [own],
      hosts: ["bob.claws.example"],
    });
  });

  test("with a domain is its zone too, and the one in which it last answered", () => {
    const row = {
      slug: "bob",
      override: { customDomain: "ai.firm.example" },
      outputs: outputs("bob.claws.example", "shop.example"),
    };
    expect(findDnsNames(row, cell)).toEqual({
      own: { host: "bob.claws.example", ...own },
      domain: { host: "ai.firm.example", ...firm },
      zones: [own, firm, { zone: "shop.example", zoneId: "shop" }],
      hosts: ["bob.claws.example", "ai.firm.example", "shop.example"],
    });
  });

  test("after the domain was taken back is still where its records were", () => {
    const row = { slug: "bob", override: {}, outputs: outputs("bob.claws.example", "ai.firm.example") };
    expect(findDnsNames(row, cell)).toMatchObject({ domain: undefined, zones: [own, firm] });
  });
});
