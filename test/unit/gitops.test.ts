/** Proves which customers a change concerns, that a plan's hash means its effects, and that its comment fits the forge. */
import { array, assert, constantFrom, double, oneof, property, record, string } from "fast-check";
import { describe, expect, test } from "vitest";
import type { StackFiles } from "../../reconciler/desired/stack-files.ts";
import { findChanges } from "../../reconciler/gitops/changes.ts";
import { commentMarker, maxCommentLength, renderComment } from "../../reconciler/gitops/comment.ts";
import {
  countLostServers,
  hashPlan,
  type CustomerPlan,
  type FleetPlan,
} from "../../reconciler/gitops/plan.ts";
import { cellSettingsSchema } from "../../infra/config.ts";
import { compareSettings, describeSetting } from "../../reconciler/gitops/setting-changes.ts";
import { parsePlans } from "../../infra/stack-file.ts";

const plansText = (extra = "") => `
starter: { name: S, summary: s, stripeLookupKey: a, serverTypes: [cx23], locations: [nbg1]${extra} }
pro: { name: P, summary: p, stripeLookupKey: b, serverTypes: [cx33], locations: [nbg1] }
`;
const files = (change: Partial<StackFiles> = {}): StackFiles => ({
  plans: parsePlans(plansText(), "plans.yaml"),
  cells: new Map(),
  overrides: new Map(),
  broken: new Map(),
  ...change,
});
const offer = "{ name: M, summary: m, stripeLookupKey: c, serverTypes: [cx53], locations: [nbg1] }";
const cellOf = (capacity: number, from: string) =>
  new Map([
    [
      "eu1",
      cellSettingsSchema.parse({ zone: "a.example", reach: "public", capacity, backendPublicIps: [from] }),
    ],
  ]);
const fleet = Array.from({ length: 10_000 }, (_, i) => ({
  slug: `c${i}`,
  plan: i === 7 ? "starter" : "pro",
  provider: "stripe",
  priceKeys: [i === 7 ? "a" : "b"],
}));

const customer = (slug: string, change: Partial<CustomerPlan> = {}): CustomerPlan => ({
  slug,
  why: ["override changed: location"],
  desired: "d1",
  steps: [],
  diff: "",
  costBefore: 5.49,
  costAfter: 5.49,
  error: null,
  ...change,
});
const plan = (...customers: CustomerPlan[]): FleetPlan => ({
  base: "a".repeat(40),
  head: "b".repeat(40),
  customers,
  settings: [],
  problems: [],
});

describe("a change of stacks/", () => {
  test("of three overrides concerns three of ten thousand", () => {
    const head = files({
      overrides: new Map([
        ["c1", { location: "hel1" as const }],
        ["c2", { hold: true }],
        ["c3", {}],
      ]),
    });
    const base = files({ overrides: new Map([["c2", { hold: false }]]) });
    expect(findChanges(base, head, fleet).customers).toEqual([
      { slug: "c1", why: ["override added: location"], ownChange: true, unknown: false },
      { slug: "c2", why: ["override changed: hold"], ownChange: true, unknown: false },
      { slug: "c3", why: ["override added: empty"], ownChange: true, unknown: false },
    ]);
    expect(findChanges(head, files(), fleet).customers[0]?.why).toEqual(["override removed"]);
    expect(findChanges(head, head, fleet).customers).toEqual([]);
  });

  test("of a plan concerns those who have it, by an override too", () => {
    const head = files({
      plans: parsePlans(plansText(", backups: true"), "plans.yaml"),
      overrides: new Map([["c5", { plan: "starter" }]]),
    });
    const base = files({ overrides: head.overrides });
    expect(findChanges(base, head, fleet).customers.map(({ slug }) => slug)).toEqual(["c5", "c7"]);
  });

  test("of a file that cannot be used is a problem and no customer's change", () => {
    const head = files({ broken: new Map([["c1", "stacks/Pulumi.c1.yaml:2: unknown key"]]) });
    const base = files({ overrides: new Map([["c1", { hold: true }]]) });
    expect(findChanges(base, head, fleet)).toEqual({
      customers: [],
      settings: [],
      problems: ["stacks/Pulumi.c1.yaml:2: unknown key"],
    });
  });

  test("of a file that was broken concerns whom it is about, deleted as well as mended", () => {
    const problem = "stacks/x.yaml:2: unknown key";
    const base = files({
      broken: new Map([
        ["c1", problem],
        ["c2", problem],
        ["c3", problem],
        ["nobody", problem],
        ["cell.eu1", problem],
        ["cell.eu2", problem],
      ]),
    });
    const head = files({
      overrides: new Map([["c2", { hold: true }]]),
      cells: cellOf(10, "192.0.2.4/32"),
      broken: new Map([["c3", problem]]),
    });
    const { customers, settings } = findChanges(base, head, fleet);
    expect(customers).toMatchObject([
      { slug: "c1", why: ["broken override removed"], unknown: false },
      { slug: "c2", why: ["broken override mended: hold"], unknown: false },
      { slug: "nobody", why: ["broken override removed"], unknown: true },
    ]);
    expect(settings.map(describeSetting)).toEqual([
      expect.stringContaining('cell eu1 changed: account nothing -> "default"'),
      "cell eu2 removed",
      "override nobody removed",
    ]);
    expect(findChanges(base, files({ broken: base.broken }), fleet).customers).toEqual([]);
  });

  test("for a name that nobody has is told as such", () => {
    const head = files({ overrides: new Map([["nobody", { hold: true }]]) });
    expect(findChanges(files(), head, fleet)).toMatchObject({
      customers: [{ slug: "nobody", unknown: true }],
      settings: [
        {
          kind: "override",
          name: "nobody",
          what: "added",
          keys: [{ key: "hold", before: null, after: "true" }],
        },
      ],
    });
  });

  test("of a plan that nobody has yet is told: the next buyer gets it", () => {
    const head = files({ plans: parsePlans(`${plansText()}max: ${offer}\n`, "plans.yaml") });
    const { customers, settings } = findChanges(files(), head, fleet);
    expect([customers, settings.map(describeSetting)]).toEqual([
      [],
      [expect.stringMatching(/^plan max added: .*serverTypes \["cx53"\]; stripeLookupKey "c"/)],
    ]);
  });

  test("of a cell is told with what its settings would be instead", () => {
    const [base, head] = [files({ cells: cellOf(10, "192.0.2.4/32") }), files({ cells: cellOf(99, "::/1") })];
    expect(findChanges(base, head, fleet).settings.map(describeSetting)).toEqual([
      'cell eu1 changed: backendPublicIps ["192.0.2.4/32"] -> ["::/1"]; capacity 10 -> 99 (reaches every server that stands in it, one after the other)',
    ]);
    const larger = files({ cells: cellOf(99, "192.0.2.4/32") });
    expect(findChanges(base, larger, fleet).settings.map(describeSetting)).toEqual([
      "cell eu1 changed: capacity 10 -> 99",
    ]);
    expect(findChanges(base, files(), fleet).settings).toMatchObject([{ name: "eu1", what: "removed" }]);
  });
});

describe("a plan's hash", () => {
  const a = customer("a", { steps: [{ resource: "server", op: "replace" }] });
  const b = customer("b", { steps: [{ resource: "record-a", op: "update" }] });

  test("is the same for the same effects and another for others", () => {
    expect(hashPlan(plan(a, b))).toBe(hashPlan(plan(b, { ...a, diff: "other words" })));
    expect(hashPlan(plan(a))).not.toBe(hashPlan(plan(a, b)));
    expect(hashPlan(plan({ ...a, steps: [{ resource: "server", op: "update" }] }))).not.toBe(
      hashPlan(plan(a)),
    );
  });

  test("is another one for other content of a cell, a plan or an override of nobody", () => {
    const change = (base: StackFiles, head: StackFiles) =>
      hashPlan({ ...plan(), settings: findChanges(base, head, []).settings });
    const nobody = (hold: boolean) => files({ overrides: new Map([["nobody", { hold }]]) });
    const sold = (lookup: string) =>
      files({ plans: parsePlans(plansText().replace("Key: b", `Key: ${lookup}`), "plans.yaml") });
    const all = [
      change(files(), files({ cells: cellOf(10, "192.0.2.4/32") })),
      change(files(), files({ cells: cellOf(99, "192.0.2.4/32") })),
      change(files(), files({ cells: cellOf(10, "::/1") })),
      change(files(), nobody(true)),
      change(files(), nobody(false)),
      change(files(), sold("x")),
      change(files(), sold("y")),
      change(files(), files()),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(change(files(), nobody(true))).toBe(all[3]);
  });

  test("servers that would be lost are counted once a customer", () => {
    const twice = customer("c", {
      steps: [
        { resource: "server", op: "delete" },
        { resource: "firewall", op: "delete" },
      ],
    });
    expect(countLostServers(plan(a, b, twice))).toBe(2);
  });
});

describe("the comment", () => {
  test("puts what is grave first, with counts, costs and folded diffs", () => {
    const text = renderComment(
      plan(
        customer("calm", { steps: [{ resource: "record-a", op: "update" }], diff: "~ record" }),
        customer("lost", { steps: [{ resource: "server", op: "delete" }], costAfter: 0 }),
        customer("moved", { steps: [{ resource: "server", op: "replace" }], costAfter: 8.49 }),
      ),
    );
    expect(text.startsWith(commentMarker)).toBe(true);
    const order = [...text.matchAll(/^\| (?:🔴 |🟡 )?(\w+) \|/gm)].map(([, slug]) => slug);
    expect(order.slice(1)).toEqual(["lost", "moved", "calm"]);
    expect(text).toContain("**1 to replace**, **1 to delete**. Cost a month: -2.49.");
    expect(text).toContain("🔴 **2 servers with their disks would be lost.**");
    expect(text).toContain("<summary>calm</summary>\n\n```diff\n~ record\n```");
  });

  test("says of how many customers the cost is not known", () => {
    const text = renderComment(plan(customer("a", { costAfter: 8.49 }), customer("b", { costAfter: null })));
    expect(text).toContain("Cost a month: +3.00, and of 1 not known.");
    expect(text).toMatch(/^\| b \|.* \? \| override changed/m);
  });

  test("says what no diff shows, and is another plan by that", () => {
    const noted = customer("a", { note: "minutes without an answer" });
    expect(renderComment(plan(noted))).toContain("| minutes without an answer; override changed: location |");
    expect(hashPlan(plan(noted))).not.toBe(hashPlan(plan(customer("a"))));
  });

  test("says so when nothing changes, and which file cannot be used", () => {
    expect(renderComment(plan())).toContain("No customer changes.");
    const text = renderComment({
      ...plan(),
      problems: ["stacks/Pulumi.bob.yaml:3: location: allowed are fsn1"],
    });
    expect(text).toContain("- stacks/Pulumi.bob.yaml:3: location: allowed are fsn1");
  });

  test("lets no text out of its place", () => {
    const text = renderComment(
      plan(customer("x", { why: ["a | b <!-- clawfleet:plan --> @everyone\n| c"], diff: "```\nend" })),
    );
    expect(text.split(commentMarker)).toHaveLength(2);
    expect(text).not.toContain("@everyone");
    expect(text).toContain("a \\| b");
    const link = renderComment({ ...plan(), problems: ["![x](https://spy.example/p.png)"] });
    expect(link).not.toMatch(/!\[|:\/\//);
    expect(text).toContain("````diff\n```\nend\n````");
  });

  test("fits the forge with ten thousand changed customers, whatever their diffs hold", () => {
    const steps = array(
      record({
        resource: constantFrom("server", "firewall", "record-a"),
        op: constantFrom("create", "update", "replace", "delete"),
      }),
      { maxLength: 4 },
    );
    const one = record({
      slug: string({ minLength: 1, maxLength: 32 }),
      why: array(string({ maxLength: 400 }), { maxLength: 3 }),
      desired: string({ maxLength: 16 }),
      steps,
      diff: oneof(string({ maxLength: 50 }), string({ maxLength: 20_000, size: "max" })),
      costBefore: double({ noNaN: true, min: 0, max: 1e4 }),
      costAfter: double({ noNaN: true, min: 0, max: 1e4 }),
      error: constantFrom(null, "x".repeat(5_000)),
    });
    expect(() =>
      assert(
        property(
          array(one, { minLength: 1, maxLength: 8 }),
          array(string({ maxLength: 4_000 })),
          (some, problems) => {
            const many = Array.from({ length: 10_000 }, (_, i) => {
              const { slug, ...rest } = some[i % some.length] ?? customer("c");
              return { ...rest, slug: `${slug}${i}` };
            });
            const settings = many.map(({ slug }) =>
              compareSettings("override", slug, {}, { slug, problems }),
            );
            const text = renderComment({ ...plan(...many), problems, settings });
            return text.length <= maxCommentLength && text.includes("Plan `");
          },
        ),
        { numRuns: 4 },
      ),
    ).not.toThrow();
  });
});
