/** Proves that a mistake in stacks/*.yaml is named with file, line, key and what is allowed. It reads no files. */
import { describe, expect, test } from "vitest";
import { parseCellSettings, parseOverride, parsePlans, StackFileError } from "../../infra/stack-file.ts";

function problemsOf(parse: () => unknown): string[] {
  try {
    parse();
  } catch (error) {
    if (error instanceof StackFileError) return error.message.split("\n");
    throw error;
  }
  return [];
}

const plan = [
  "starter:",
  "  name: Starter",
  "  summary: small",
  "  stripeLookupKey: starter-monthly",
  "  serverTypes: [cx23]",
  "  locations: [nbg1]",
];

describe("override files", () => {
  test("an empty file, and one that only Pulumi wrote into, change nothing", () => {
    expect(parseOverride("", "f")).toEqual({});
    expect(parseOverride("encryptionsalt: v1:abc\n", "f")).toEqual({});
  });

  test("values come without their namespace", () => {
    const text = "config:\n  clawfleet:plan: pro\n  clawfleet:hold: true\n";
    expect(parseOverride(text, "f")).toEqual({ plan: "pro", hold: true });
  });

  test.each([
    [
      "a misspelt key",
      "config:\n  clawfleet:servertype: cx23\n",
      2,
      "clawfleet:servertype",
      "allowed here: clawfleet:plan",
    ],
    [
      "a value of the wrong form",
      "config:\n  clawfleet:plan: pro\n  clawfleet:serverType: big\n",
      3,
      "clawfleet:serverType",
      "a Hetzner server type such as cx23",
    ],
    [
      "a location that does not exist",
      "config:\n  clawfleet:location: mars\n",
      2,
      "clawfleet:location",
      "fsn1",
    ],
    [
      "a key of nobody's",
      "config:\n  aws:region: x\n",
      2,
      "aws:region",
      'every key begins with "clawfleet:"',
    ],
    ["a top key of nobody's", "confg:\n  clawfleet:plan: pro\n", 1, "confg", "allowed here: config"],
    [
      "a wrong place deep inside",
      'config:\n  clawfleet:extraFirewallRules:\n    - description: x\n      protocol: tcp\n      port: "99999999"\n      sourceIps: [192.0.2.0/24]\n',
      5,
      "clawfleet:extraFirewallRules.0.port",
      "a port such as",
    ],
    ["broken YAML", "config:\n  clawfleet:plan: [pro\n", 3, "(yaml)", ""],
    ["a key twice", "config:\n  clawfleet:plan: pro\n  clawfleet:plan: starter\n", 3, "(yaml)", "unique"],
  ])("%s is refused with its line and key", (_name, text, line, key, hint) => {
    const [problem] = problemsOf(() => parseOverride(text, "stacks/Pulumi.bob.yaml"));
    expect(problem).toContain(`stacks/Pulumi.bob.yaml:${line}: ${key}: `);
    expect(problem).toContain(hint);
  });

  test("every mistake of a file is named at once", () => {
    const text = "config:\n  clawfleet:serverType: big\n  clawfleet:location: mars\n";
    expect(problemsOf(() => parseOverride(text, "f"))).toHaveLength(2);
  });
});

describe("plans and cells", () => {
  test("a plan gets its defaults", () => {
    expect(parsePlans(plan.join("\n"), "f")["starter"]).toMatchObject({
      protection: true,
      backups: false,
      gatewayMemoryMb: 2048,
      grace: { pastDueDays: 7, deleteAfterDays: 30 },
    });
  });

  test.each([
    ["no plan at all", "", 1, "at least one plan"],
    ["a plan without locations", plan.slice(0, 5).join("\n"), 1, "locations"],
    ["too little memory", [...plan, "  gatewayMemoryMb: 512"].join("\n"), 7, "2048"],
    ["an unknown key", [...plan, "  memory: 1"].join("\n"), 7, "unknown key"],
  ])("%s is refused", (_name, text, line, hint) => {
    const [problem] = problemsOf(() => parsePlans(text, "stacks/plans.yaml"));
    expect(problem).toContain(`stacks/plans.yaml:${line}: `);
    expect(problem).toContain(hint);
  });

  test("a cell needs a zone, and takes no more than a Hetzner network holds", () => {
    expect(problemsOf(() => parseCellSettings("config:\n  clawfleet:capacity: 90\n", "f"))[0]).toContain(
      "zone",
    );
    const crowded = "config:\n  clawfleet:zone: example.com\n  clawfleet:capacity: 100\n";
    expect(problemsOf(() => parseCellSettings(crowded, "f"))[0]).toContain("f:3: clawfleet:capacity");
  });
});
