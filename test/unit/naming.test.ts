/**
 * Proves that names, labels and comments never change, keep the clouds' limits for the longest slug, and find their
 * instance and no other; and that names which mean something are kept back. Cannot prove that the list of those is whole.
 */
import { describe, expect, it } from "vitest";
import {
  cellLabels,
  cellObjectName,
  cellStack,
  instanceHost,
  instanceLabels,
  instanceSelector,
  instanceStack,
  isReservedSlug,
  labelKeys,
  managedBy,
  parseCellStack,
  recordComment,
  serverName,
} from "../../components/naming.ts";
import { slugSchema } from "../../infra/config.ts";
import { matchesSelector, parseSelector, problemOfLabels } from "../sandbox/hetzner/label-selector.ts";

const longestSlug = "a".repeat(32);
/** A UUID; ids of instances are no longer than that. */
const longestId = "01234567-89ab-cdef-0123-456789abcdef";
const identity = { id: longestId, slug: longestSlug, cell: "c".repeat(16) };

describe("labels of an instance", () => {
  it("say whose it is", () => {
    expect(instanceLabels({ id: "i1", slug: "anna", cell: "eu1" })).toEqual({
      "managed-by": "clawfleet",
      "clawfleet-instance": "i1",
      "clawfleet-slug": "anna",
      "clawfleet-cell": "eu1",
    });
  });

  it("keep Hetzner's rules even when everything is as long as it may be", () => {
    expect(problemOfLabels(instanceLabels(identity))).toBeUndefined();
    for (const value of Object.values(instanceLabels(identity))) expect(value.length).toBeLessThanOrEqual(63);
  });

  it("begin with those of the cell", () => {
    expect(instanceLabels({ id: "i1", slug: "anna", cell: "eu1" })).toMatchObject(cellLabels("eu1"));
  });
});

describe("the selector of an instance", () => {
  it("finds what carries its labels and nothing of another instance or of the cell", () => {
    const requirements = parseSelector(instanceSelector("i1"));
    const isFound = (labels: Record<string, string>) => matchesSelector(labels, requirements ?? []);
    const one = { slug: "anna", cell: "eu1" };
    expect(isFound(instanceLabels({ id: "i1", ...one }))).toBe(true);
    expect(isFound(instanceLabels({ id: "i2", ...one }))).toBe(false);
    expect(isFound(instanceLabels({ id: "i10", ...one }))).toBe(false);
    expect(isFound(cellLabels("eu1"))).toBe(false);
    expect(isFound({ [labelKeys.instance]: "i1" })).toBe(false);
    expect(isFound({ [labelKeys.instance]: "i1", [managedBy.key]: "other" })).toBe(false);
  });
});

describe("names", () => {
  it.each([
    [serverName("anna"), "cf-anna"],
    [cellObjectName("eu1"), "cf-cell-eu1"],
    [instanceHost("anna", "claws.example"), "anna.claws.example"],
    [recordComment("i1"), "clawfleet instance i1"],
    [instanceStack("anna"), "anna"],
    [cellStack("eu1"), "cell.eu1"],
  ])("are as they always were: %s", (name, always) => {
    expect(name).toBe(always);
  });

  it("keep the clouds' limits even when everything is as long as it may be", () => {
    expect(serverName(longestSlug)).toMatch(/^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/);
    expect(recordComment(longestId).length).toBeLessThanOrEqual(100);
  });
});

describe("the stack of a cell", () => {
  it.each([
    ["cell.eu1", "eu1"],
    [cellStack("us"), "us"],
    ["anna", undefined],
    ["cell", undefined],
    ["cellar", undefined],
    ["my.cell.eu1", undefined],
  ])("%s is that of %s", (stack, cell) => {
    expect(parseCellStack(stack)).toBe(cell);
  });

  it("is never taken for an instance's, whatever the slug", () => {
    expect(slugSchema.safeParse(cellStack("eu1")).success).toBe(false);
  });
});

describe("reserved names", () => {
  it.each([
    "www api admin mail smtp imap ftp ns1 ns2 autodiscover autoconfig wpad localhost",
    "postmaster hostmaster webmaster abuse security root",
    "billing pay payment login signup join dashboard status support help",
    "clawfleet openclaw hetzner cloudflare stripe pulumi",
    "cell spare sandbox test staging backend gateway",
  ])("cannot be had: %s", (names) => {
    expect(names.split(" ").filter((name) => !isReservedSlug(name))).toEqual([]);
  });

  it.each(["anna", "my-shop", "apis", "constructor", "tostring", ""])("do not hold %j", (name) => {
    expect(isReservedSlug(name)).toBe(false);
  });
});
