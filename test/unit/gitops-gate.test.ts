/** Proves by table when a commit is applied and when it is refused, what a preview's events mean, and how git's own words are read. */
import { describe, expect, test } from "vitest";
import { parseFiles, type StackFiles } from "../../reconciler/desired/stack-files.ts";
import { decidePush, findHindrances, type Reviewed } from "../../reconciler/gitops/gate.ts";
import { parseBatch } from "../../reconciler/gitops/git.ts";
import { overlayFiles } from "../../reconciler/gitops/overlay.ts";
import { hashPlan, type CustomerPlan, type FleetPlan } from "../../reconciler/gitops/plan.ts";
import type { SettingChange } from "../../reconciler/gitops/setting-changes.ts";
import { toSteps } from "../../reconciler/gitops/steps.ts";
import { parsePlans } from "../../infra/stack-file.ts";

const cell: SettingChange = {
  kind: "cell",
  name: "eu1",
  what: "changed",
  keys: [{ key: "capacity", before: "90", after: "10" }],
};
const rules = { maxLost: 0, label: "ok" };
const ada: CustomerPlan = {
  slug: "ada",
  why: ["override changed: location"],
  desired: "d1",
  steps: [{ resource: "firewall", op: "update" }],
  diff: "",
  costBefore: 5,
  costAfter: 5,
  error: null,
};
const lost: CustomerPlan = { ...ada, steps: [{ resource: "server", op: "replace" }] };
const plan = (change: Partial<FleetPlan> = {}): FleetPlan => ({
  base: "a",
  head: "b",
  customers: [ada],
  settings: [],
  problems: [],
  ...change,
});
const decide = (
  whole: FleetPlan,
  how: { reviewed?: Partial<Reviewed>[]; accepted?: string } = {},
): { apply: boolean; why: string } => {
  const hash = hashPlan(whole);
  const reviewed = (how.reviewed ?? []).map((one) => ({
    number: 7,
    hash,
    labels: [],
    covered: false,
    ...one,
  }));
  return decidePush({ plan: whole, hash }, { reviewed, accepted: how.accepted ?? null }, rules);
};

describe("a commit", () => {
  test.each([
    ["that changes nobody", plan({ customers: [] }), {}, true, "no customer changes"],
    ["as reviewed", plan(), { reviewed: [{}] }, true, "as reviewed in #7"],
    ["that nobody has seen", plan(), {}, false, "nobody has seen this plan"],
    [
      "that is another one now",
      plan(),
      { reviewed: [{ hash: "old" }] },
      false,
      "what was reviewed is plan old",
    ],
    [
      "that differs by who came and left alone",
      plan(),
      { reviewed: [{ hash: "old", covered: true }] },
      true,
      "plan old;",
    ],
    [
      "that is covered, and loses a server by now",
      plan({ customers: [lost] }),
      { reviewed: [{ hash: "old", covered: true }] },
      false,
      'add the label "ok"',
    ],
    ["that a person accepted", plan(), { accepted: hashPlan(plan()) }, true, "was accepted"],
    ["that is not what was accepted", plan(), { accepted: "old" }, false, "plan old was accepted, and now"],
    ["that loses a server", plan({ customers: [lost] }), { reviewed: [{}] }, false, 'add the label "ok"'],
    [
      "that may lose it",
      plan({ customers: [lost] }),
      { reviewed: [{ labels: ["ok"] }] },
      true,
      "as reviewed",
    ],
    ["with a broken file", plan({ problems: ["x:3: y"] }), { reviewed: [{}] }, false, "cannot be used"],
    [
      "with a customer that could not be previewed",
      plan({ customers: [{ ...ada, error: "no answer" }] }),
      { reviewed: [{}] },
      false,
      "no preview of ada",
    ],
    [
      "that changes a cell alone and was not seen",
      plan({ customers: [], settings: [cell] }),
      {},
      false,
      "nobody",
    ],
  ])("%s", (_what, whole, how, apply, why) => {
    const decision = decide(whole, how);
    expect(decision.apply).toBe(apply);
    expect(decision.why).toContain(why);
  });

  test("is another plan when the row would say something else, although the same resources change", () => {
    expect(hashPlan(plan({ customers: [{ ...ada, desired: "d2" }] }))).not.toBe(hashPlan(plan()));
  });

  test("may lose as many servers as is allowed", () => {
    const two = plan({ customers: [lost, { ...lost, slug: "bob" }] });
    expect(findHindrances(two, [], { ...rules, maxLost: 2 })).toEqual([]);
    expect(findHindrances(two, [], { ...rules, maxLost: 1 })).toHaveLength(1);
  });
});

describe("a preview's events", () => {
  test("are one step for each resource, the gravest of what is said of it", () => {
    const events = [
      { resource: "server", op: "create-replacement" },
      { resource: "server", op: "replace" },
      { resource: "server", op: "delete-replaced" },
      { resource: "record-a", op: "update" },
      { resource: "network", op: "same" },
      { resource: "zone", op: "read" },
      { resource: "first-boot", op: "create" },
    ];
    expect(toSteps([...events, ...events])).toEqual([
      { resource: "first-boot", op: "create" },
      { resource: "record-a", op: "update" },
      { resource: "server", op: "replace" },
    ]);
  });
});

describe("git's blobs", () => {
  const told = (type: string, bytes: Buffer) =>
    Buffer.concat([Buffer.from(`${"0".repeat(40)} ${type} ${bytes.length}\n`), bytes, Buffer.from("\n")]);

  test("are read by their length in bytes, whatever is in them, and missing ones are told", () => {
    const texts = ["a: 1\n", "", "ü\nabc blob 5\n", "no end"];
    const output = Buffer.concat(texts.map((text) => told("blob", Buffer.from(text))));
    expect(parseBatch(output, 4)).toEqual(texts);
    const missing = Buffer.from("b:stacks/x missing\n");
    expect(parseBatch(Buffer.concat([missing, output]), 5)).toEqual([null, ...texts]);
    expect(() => parseBatch(output, 5)).toThrow("ended early");
  });

  test("that are no UTF-8, and folders, do not shift what follows them", () => {
    const output = Buffer.concat([
      told("blob", Buffer.from("# M\u00FCller\n", "latin1")),
      told("tree", Buffer.from("100644 x.yaml\0\n\xC3", "latin1")),
      told("blob", Buffer.from("hold: true\n")),
    ]);
    expect(parseBatch(output, 3)).toEqual(["# M\uFFFDller\n", null, "hold: true\n"]);
  });
});

describe("files that are exchanged", () => {
  const plans =
    "starter: { name: S, summary: s, stripeLookupKey: a, serverTypes: [cx23], locations: [nbg1] }\n";
  const override = (text: string) => `config:\n  clawfleet:${text}\n`;
  const current: StackFiles = {
    ...parseFiles(new Map([["Pulumi.ada.yaml", override("hold: true")]]), "stacks"),
    plans: parsePlans(plans, "plans.yaml"),
  };

  test("take the place of those that there are, go where they are gone, and leave the rest", () => {
    const changed = new Map([
      ["Pulumi.bob.yaml", override("comped: true")],
      ["Pulumi.ada.yaml", null],
      ["README.md", "no file of ours"],
    ]);
    const files = overlayFiles(current, changed, "stacks");
    expect([...files.overrides]).toEqual([["bob", { comped: true }]]);
    expect(files.plans).toEqual(current.plans);
    expect([...current.overrides.keys()]).toEqual(["ada"]);
  });

  test("that cannot be read are named with their line; plans then stay as they are", () => {
    const changed = new Map([
      ["Pulumi.ada.yaml", override("size: big")],
      ["plans.yaml", "starter: 3\n"],
    ]);
    const files = overlayFiles(current, changed, "stacks");
    expect(files.broken.get("ada")).toContain("stacks/Pulumi.ada.yaml:2: clawfleet:size: unknown key");
    expect(files.broken.get("plans.yaml")).toContain("stacks/plans.yaml:1: starter");
    expect(files.plans).toEqual(current.plans);
  });

  test("that are no UTF-8 are named with the line of the byte, and no other file is", () => {
    const changed = new Map([
      ["Pulumi.ada.yaml", `${override("hold: true")}# M\uFFFDller\n`],
      ["Pulumi.bob.yaml", override("comped: true")],
    ]);
    const files = overlayFiles(current, changed, "stacks");
    expect([...files.broken]).toEqual([
      ["ada", "stacks/Pulumi.ada.yaml:3: encoding: not UTF-8: save the file as that"],
    ]);
    expect([...files.overrides]).toEqual([["bob", { comped: true }]]);
  });
});
