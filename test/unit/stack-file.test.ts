/**
 * Proves that a wrong file in `stacks/` is refused with file, line, key and what is allowed, every mistake of it at once.
 * Cannot prove that Pulumi's own parser reads the same files in the same way.
 */
import { describe, expect, it } from "vitest";
import {
  parseCellSettings,
  parseOverride,
  parsePlans,
  StackFileError,
  type StackFileProblem,
} from "../../infra/stack-file.ts";

const file = "stacks/some.yaml";

const plans = `# What we sell.
starter:
  name: Starter
  summary: One assistant.
  stripeLookupKey: starter-monthly
  serverTypes: [cx23]
  locations:
    - nbg1
    - fsn1
`;

function problemsOf(
  parse: (text: string, file: string) => unknown,
  text: string,
): readonly StackFileProblem[] {
  try {
    parse(text, file);
  } catch (error) {
    if (error instanceof StackFileError) return error.problems;
    throw error;
  }
  return [];
}

/** The problems as an operator reads them. */
function told(parse: (text: string, file: string) => unknown, text: string): string[] {
  return problemsOf(parse, text).map((problem) => new StackFileError([problem]).message);
}

describe("a right file", () => {
  it("of plans gives the plans with what nobody wrote", () => {
    const parsed = parsePlans(plans, file);
    expect(Object.keys(parsed)).toEqual(["starter"]);
    expect(parsed["starter"]).toMatchObject({
      locations: ["nbg1", "fsn1"],
      gatewayMemoryMb: 2048,
      offered: true,
    });
  });

  it.each([
    ["empty", ""],
    ["of comments only", "# nothing yet\n"],
    ["with an empty config", "config: {}\n"],
    ["with a config that has no keys yet", "config:\n"],
    ["of Pulumi's own keys only", "encryptionsalt: v1:abc\nsecretsprovider: passphrase\nencryptedkey: x\n"],
  ])("of an override may be %s, and changes nothing", (_what, text) => {
    expect(parseOverride(text, file)).toEqual({});
  });

  it("of an override is read beside Pulumi's own keys, without the namespace", () => {
    const text = `encryptionsalt: v1:abc
config:
  clawfleet:plan: pro
  clawfleet:hold: true
  clawfleet:extraFirewallRules:
    - { description: game, protocol: udp, port: "5000-5010", sourceIps: [192.0.2.0/24] }
`;
    expect(parseOverride(text, file)).toEqual({
      plan: "pro",
      hold: true,
      extraFirewallRules: [
        { description: "game", protocol: "udp", port: "5000-5010", sourceIps: ["192.0.2.0/24"] },
      ],
    });
  });

  it.each([
    ["with line ends of Windows", "config:\r\n  clawfleet:plan: pro\r\n"],
    ["with a byte order mark", "\uFEFFconfig:\n  clawfleet:plan: pro\n"],
    ["with quoted keys", 'config:\n  "clawfleet:plan": "pro"\n'],
    ["on one line", "{ config: { 'clawfleet:plan': pro } }"],
    ["with an alias", "config:\n  clawfleet:plan: &p pro\n"],
  ])("may be written %s", (_what, text) => {
    expect(parseOverride(text, file)).toEqual({ plan: "pro" });
  });

  it("of a cell gives its settings", () => {
    const text = "config:\n  clawfleet:zone: example.com\n  clawfleet:capacity: 12\n";
    expect(parseCellSettings(text, file)).toMatchObject({ zone: "example.com", capacity: 12, sshPort: 22 });
  });
});

describe("a wrong value", () => {
  it.each([
    "Ai.firm.example",
    "https://ai.firm.example",
    "ai.firm.example.",
    "firm",
    "-ai.firm.example",
    "*.firm.example",
  ])("for a customer's own domain is told with its line and an example: %s", (domain) => {
    expect(
      told(parseOverride, `config:\n  clawfleet:hold: true\n  clawfleet:customDomain: "${domain}"\n`),
    ).toEqual([
      `${file}:3: clawfleet:customDomain: a domain name in lower case such as assistant.firm.example`,
    ]);
  });

  it.each([
    [
      "in a list of plans' locations",
      parsePlans,
      plans.replace("fsn1", "mars1"),
      `${file}:9: starter.locations.1: Invalid option: expected one of "fsn1"|"nbg1"|"hel1"|"ash"|"hil"|"sin"`,
    ],
    [
      "in a list on one line",
      parsePlans,
      plans.replace("[cx23]", "[cx23, huge]"),
      `${file}:6: starter.serverTypes.1: a Hetzner server type such as cx23`,
    ],
    [
      "of a plan",
      parsePlans,
      `${plans}  gatewayMemoryMb: 512\n`,
      `${file}:10: starter.gatewayMemoryMb: Too small: expected number to be >=2048`,
    ],
    [
      "two levels down",
      parsePlans,
      `${plans}  grace:\n    deleteAfterDays: 400\n`,
      `${file}:11: starter.grace.deleteAfterDays: Too big: expected number to be <=365`,
    ],
    [
      "of an override",
      parseOverride,
      "# Anna\n\nconfig:\n  clawfleet:hold: true\n  clawfleet:location: fsn2\n",
      `${file}:5: clawfleet:location: Invalid option: expected one of "fsn1"|"nbg1"|"hel1"|"ash"|"hil"|"sin"`,
    ],
    [
      "that Pulumi encrypted",
      parseOverride,
      "config:\n  clawfleet:plan:\n    secure: abc\n",
      `${file}:2: clawfleet:plan: Invalid input: expected string, received object`,
    ],
    [
      "of a cell",
      parseCellSettings,
      "config:\n  clawfleet:zone: example.com\n  clawfleet:reach: both\n",
      `${file}:3: clawfleet:reach: Invalid option: expected one of "private"|"public"`,
    ],
    [
      "that YAML reads as a number",
      parseCellSettings,
      "config:\n  clawfleet:zone: example.com\n  clawfleet:openclawVersion: 2026.9\n",
      `${file}:3: clawfleet:openclawVersion: Invalid input: expected string, received number`,
    ],
  ] as const)("%s is named with its line and what is allowed", (_what, parse, text, message) => {
    expect(told(parse, text)).toEqual([message]);
  });

  it("inside a list of rules is found at its own line", () => {
    const text = `config:
  clawfleet:extraFirewallRules:
    - description: one
      protocol: tcp
      port: "1"
      sourceIps: [192.0.2.1/32]
    - description: two
      protocol: icmp
      port: 80
      sourceIps: []
`;
    expect(problemsOf(parseOverride, text).map(({ line, key }) => [line, key])).toEqual([
      [8, "clawfleet:extraFirewallRules.1.protocol"],
      [9, "clawfleet:extraFirewallRules.1.port"],
      [10, "clawfleet:extraFirewallRules.1.sourceIps"],
    ]);
  });
});

describe("a missing value", () => {
  it("of a plan is told at the line of the plan, each one", () => {
    expect(
      problemsOf(parsePlans, "# c\n\nstarter:\n  name: Starter\n").map(({ line, key }) => [line, key]),
    ).toEqual([
      [3, "starter.summary"],
      [3, "starter.serverTypes"],
      [3, "starter.locations"],
      [3, "starter.stripeLookupKey"],
    ]);
  });

  it.each([
    ["an empty file", "", 1],
    ["a cell without its zone", "# x\nconfig:\n  clawfleet:capacity: 3\n", 2],
  ])("of a cell is told for %s", (_what, text, line) => {
    expect(problemsOf(parseCellSettings, text)).toMatchObject([{ line, key: "clawfleet:zone" }]);
  });

  it("of every plan is told", () => {
    expect(told(parsePlans, "")).toEqual([`${file}:1: (file): at least one plan`]);
  });
});

describe("an unknown key", () => {
  it("of an override is told with all that exist", () => {
    expect(told(parseOverride, "config:\n  clawfleet:plan: pro\n  clawfleet:plam: pro\n")).toEqual([
      `${file}:3: clawfleet:plam: unknown key; allowed here: clawfleet:plan, clawfleet:serverType, ` +
        "clawfleet:location, clawfleet:address, clawfleet:customDomain, clawfleet:openclawVersion, clawfleet:hold, clawfleet:comped, clawfleet:extraFirewallRules",
    ]);
  });

  it("of a cell is told with all that exist", () => {
    const [message = ""] = told(
      parseCellSettings,
      "config:\n  clawfleet:zone: a.de\n  clawfleet:plan: pro\n",
    );
    expect(message).toContain(`${file}:3: clawfleet:plan: unknown key; allowed here: clawfleet:account, `);
    expect(message).toContain("clawfleet:backendPublicIps");
  });

  it("beside config is told with what may stand there", () => {
    expect(told(parseOverride, "config: {}\n\nplan: pro\n")).toEqual([
      `${file}:3: plan: unknown key; allowed here: config, encryptionsalt, secretsprovider, encryptedkey`,
    ]);
  });

  it.each(["plan: pro", "aws:region: x", "hcloud:token: abc", "__proto__: {}"])(
    "of another namespace is refused: %s",
    (entry) => {
      const [key] = entry.split(/: /);
      expect(told(parseOverride, `config:\n  clawfleet:hold: true\n  ${entry}\n`)).toEqual([
        `${file}:3: ${key}: every key begins with "clawfleet:"`,
      ]);
    },
  );

  it("two levels down is found at its line", () => {
    expect(problemsOf(parsePlans, `${plans}  colour: red\n`)).toMatchObject([
      { line: 10, key: "starter.colour" },
    ]);
  });
});

describe("what is no YAML", () => {
  it.each([
    ["a key twice", "config:\n  clawfleet:plan: a\n  clawfleet:plan: b\n", 3],
    ["a tab", "config:\n\tclawfleet:plan: a\n", 2],
    ["two documents", "config: {}\n---\nconfig: {}\n", 2],
    ["an open bracket", "config:\n  clawfleet:extraFirewallRules: [\n", 3],
  ])("is told with its line: %s", (_what, text, line) => {
    const problems = problemsOf(parseOverride, text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ file, line, key: "(yaml)" });
    expect(problems[0]?.message).not.toContain("\n");
  });

  it("a plans file that is only text is refused", () => {
    expect(told(parsePlans, "hello")).toEqual([
      `${file}:1: (file): Invalid input: expected record, received string`,
    ]);
  });

  it("an override that is a list is refused", () => {
    expect(problemsOf(parseOverride, "- clawfleet:plan: pro\n")).toHaveLength(1);
  });
});

describe("the error", () => {
  it("holds every problem as a line and as data", () => {
    const problems = [
      { file: "a.yaml", line: 3, key: "k", message: "wrong" },
      { file: "a.yaml", line: 7, key: "l", message: "worse" },
    ];
    const error = new StackFileError(problems);
    expect(error.name).toBe("StackFileError");
    expect(error.problems).toBe(problems);
    expect(error.message).toBe("a.yaml:3: k: wrong\na.yaml:7: l: worse");
  });

  it("lists what is wrong in two plans at once", () => {
    const text = `${plans.replace("cx23", "big")}${plans.replace("starter:", "pro:").replace("nbg1", "mars1")}`;
    expect(problemsOf(parsePlans, text).map(({ line, key }) => [line, key])).toEqual([
      [6, "starter.serverTypes.0"],
      [17, "pro.locations.0"],
    ]);
  });
});
