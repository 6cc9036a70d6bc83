/** Proves by table whose snapshot is missed, and that its finding is for a person whatever the policy says. */
import { describe, expect, test } from "vitest";
import { describeDifferences } from "../../reconciler/cli/drift.ts";
import type { ScannedStack } from "../../reconciler/db/drift.ts";
import { keyOf } from "../../reconciler/drift/compare.ts";
import { judge, type JudgeInput } from "../../reconciler/drift/judge.ts";
import { explainLoss, findLostSnapshot, isLostSnapshot } from "../../reconciler/drift/lost-snapshots.ts";
import { toSshKey, type SeenObject } from "../../reconciler/drift/objects.ts";
import { defaultPolicy, driftActions } from "../../reconciler/drift/policy.ts";
import type { FindingAnswer } from "../../reconciler/operators/drift.ts";

const ada: ScannedStack = {
  id: "i1",
  stack: "ada",
  instanceId: "i1",
  cell: "lab",
  account: "default",
  resting: true,
  held: false,
  snapshotId: "7",
  archived: true,
};
const lost = { class: "missing", kind: "snapshot", objectId: "7", name: "ada" } as const;
const snapshot = (id: string, owner: string | null = "i1"): SeenObject => ({
  kind: "snapshot",
  id,
  name: "ada",
  properties: {},
  owner,
});
const see = (...objects: SeenObject[]) => new Map(objects.map((one) => [keyOf(one), one]));

describe("a snapshot that is not there", () => {
  test.each<[whose: string, change: Partial<ScannedStack>, seen: SeenObject[], expected: object[]]>([
    ["of who rests as archived is lost", {}, [], [lost]],
    ["of who is held too", { held: true }, [], [lost]],
    ["is not another one of the same instance", {}, [snapshot("8")], [lost]],
    ["is not an object of another kind with its number", {}, [{ ...snapshot("7"), kind: "server" }], [lost]],
    ["is none where it is there", {}, [snapshot("7")], []],
    ["is none where its label is another's", {}, [snapshot("7", null)], []],
    ["of who never had one is none", { snapshotId: null }, [], []],
    ["of who has come back was deleted by us", { archived: false }, [], []],
    ["of who is being worked on may be deleted by us", { resting: false }, [], []],
    ["of who moves is not judged", { archived: false, resting: false }, [], []],
  ])("%s", (_whose, change, seen, expected) => {
    expect(findLostSnapshot({ ...ada, ...change }, see(...seen))).toEqual(expected);
  });

  test("is told apart from one that nobody needs, and from other things that are gone", () => {
    expect(isLostSnapshot(lost)).toBe(true);
    expect(isLostSnapshot({ ...lost, class: "leak" })).toBe(false);
    expect(isLostSnapshot({ ...lost, class: "stateless" })).toBe(false);
    expect(isLostSnapshot({ ...lost, kind: "record" })).toBe(false);
  });
});

test("a line of `fleet drift` says that the data is gone and what to do", () => {
  const finding: FindingAnswer = {
    id: 1,
    subject: "i1",
    name: "ada",
    account: "default",
    class: "missing",
    action: "ask",
    differences: [lost],
    monthlyNet: null,
    costUnknown: false,
    since: "2026-11-21T12:00:00Z",
    repairAt: null,
    refusal: explainLoss("ada"),
    deletion: null,
  };
  expect(describeDifferences(finding)).toBe(
    "snapshot is gone; not repaired by itself: the customer's data is gone with it, and no run brings it back; " +
      "look for it in Hetzner's console, in other projects too; if it is gone for good: fleet deprovision ada, and sell them a new one",
  );
});

describe("a judgement", () => {
  const key = toSshKey("1", { name: "cell", fingerprint: "aa", labels: {} });
  const cell: ScannedStack = {
    ...ada,
    id: "cell.lab",
    stack: "cell.lab",
    instanceId: null,
    snapshotId: null,
    archived: false,
  };
  const keySeen: SeenObject = { ...key, owner: "cell.lab" };
  const judgeWith = (change: Partial<JudgeInput> = {}) =>
    judge({
      account: "default",
      stacks: [ada, cell],
      expected: new Map([["cell.lab", [key]]]),
      seen: see(keySeen),
      policy: defaultPolicy,
      prices: undefined,
      ...change,
    });

  test.each(driftActions)("asks about it where the policy for what is missing is %s", (missing) => {
    const { findings } = judgeWith({ policy: { ...defaultPolicy, missing } });
    expect(findings).toMatchObject([
      { subject: "i1", slug: "ada", class: "missing", action: "ask", differences: [lost] },
    ]);
    expect(findings[0]?.refusal).toMatch(/^the customer's data is gone with it, .* fleet deprovision ada/);
  });

  test("has one finding of it and of whatever else differs of the same instance", () => {
    const expected = new Map([
      ["cell.lab", [key]],
      ["ada", [toSshKey("2", { name: "ada", fingerprint: "bb", labels: {} })]],
    ]);
    expect(judgeWith({ expected }).findings).toMatchObject([
      { subject: "i1", action: "ask", differences: [{ kind: "ssh-key", class: "missing" }, lost] },
    ]);
  });

  test("leaves what else is missing to the policy", () => {
    const expected = new Map([
      ["cell.lab", [key, toSshKey("2", { name: "second", fingerprint: "bb", labels: {} })]],
    ]);
    expect(judgeWith({ expected, seen: see(keySeen, snapshot("7")) }).findings).toMatchObject([
      { subject: "cell.lab", class: "missing", action: "repair", refusal: null },
    ]);
  });

  test("looks only at the account whose project was listed", () => {
    const elsewhere = { ...ada, account: "second" };
    expect(judgeWith({ stacks: [elsewhere, cell] }).findings).toEqual([]);
  });

  test("misses nothing in a project that holds nothing of ours: it is another one", () => {
    expect(() => judgeWith({ seen: new Map() })).toThrow("holds none of the 2 objects");
    expect(() => judgeWith({ stacks: [ada], expected: new Map(), seen: new Map() })).toThrow("holds none");
  });
});
