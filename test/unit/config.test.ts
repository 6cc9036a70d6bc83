/** Proves that a wrong environment is reported whole and that a right one becomes a typed configuration. */
import { describe, expect, it } from "vitest";
import { ConfigError, parseConfig, parseWorkConfig } from "../../reconciler/config.ts";

const good = {
  CLAWFLEET_MASTER_KEY: "ab".repeat(32),
  CLAWFLEET_ADMIN_KEY: "k".repeat(40),
  CLAWFLEET_PUBLIC_URL: "https://join.example.com/",
  STRIPE_SECRET_KEY: "sk_test_123",
  STRIPE_WEBHOOK_SECRET: "whsec_a, whsec_b",
  HCLOUD_TOKEN: "a".repeat(64),
  CLOUDFLARE_API_TOKEN: "c".repeat(40),
};

type Environment = Record<string, string | undefined>;

function problemsOf(
  environment: Environment,
  parse: (environment: Environment) => unknown = parseConfig,
): readonly string[] {
  try {
    parse(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("parseConfig", () => {
  it("reads a complete environment", () => {
    const config = parseConfig(good);
    expect(config.publicUrl).toBe("https://join.example.com");
    expect(config.stripe.webhookSecrets).toEqual(["whsec_a", "whsec_b"]);
    expect(config.listen).toEqual({ hostname: "127.0.0.1", port: 8080 });
    expect(config.accounts).toEqual({
      default: { hcloudToken: good.HCLOUD_TOKEN, cloudflareToken: good.CLOUDFLARE_API_TOKEN },
    });
  });

  it("lists every mistake at once", () => {
    const problems = problemsOf({
      ...good,
      CLAWFLEET_MASTER_KEY: "short",
      HCLOUD_TOKEN: undefined,
      STRIPE_SECRET_KEY: "pk_live_x",
      CLAWFLEET_LISTEN: "nowhere",
    });
    expect(problems).toHaveLength(4);
    for (const name of ["CLAWFLEET_MASTER_KEY", "HCLOUD_TOKEN", "STRIPE_SECRET_KEY", "CLAWFLEET_LISTEN"]) {
      expect(problems.some((problem) => problem.startsWith(name))).toBe(true);
    }
  });

  it("takes an empty value for a missing one and never shows a value", () => {
    const problems = problemsOf({ ...good, HCLOUD_TOKEN: "tooshort-secret", CLAWFLEET_ADMIN_KEY: "" });
    expect(problems).toContain("CLAWFLEET_ADMIN_KEY is missing");
    expect(problems.join()).not.toContain("tooshort-secret");
  });

  it("gives an account its own tokens, or the default's at Cloudflare where that is said", () => {
    const own = { ...good, HCLOUD_TOKEN_SECOND: "b".repeat(64) };
    expect(parseConfig({ ...own, CLOUDFLARE_API_TOKEN_SECOND: "d".repeat(40) }).accounts["second"]).toEqual({
      hcloudToken: "b".repeat(64),
      cloudflareToken: "d".repeat(40),
    });
    expect(parseConfig({ ...own, CLOUDFLARE_API_TOKEN_SECOND: "default" }).accounts["second"]).toEqual({
      hcloudToken: "b".repeat(64),
      cloudflareToken: good.CLOUDFLARE_API_TOKEN,
    });
  });

  it.each([
    [
      "one cloud's token alone",
      { HCLOUD_TOKEN_SECOND: "b".repeat(64) },
      "CLOUDFLARE_API_TOKEN_SECOND is missing",
    ],
    ["the other's alone", { CLOUDFLARE_API_TOKEN_SECOND: "default" }, "HCLOUD_TOKEN_SECOND is missing"],
    ["another project shared", { HCLOUD_TOKEN_SECOND: "default" }, "HCLOUD_TOKEN_SECOND: a Hetzner"],
    ["two names for one", { HCLOUD_TOKEN_DEFAULT: "b".repeat(64) }, "HCLOUD_TOKEN_DEFAULT: the account"],
    [
      "the default shared with itself",
      { CLOUDFLARE_API_TOKEN: "default" },
      "CLOUDFLARE_API_TOKEN: a Cloudflare",
    ],
  ])("never takes another account's token for %s", (_what, change, problem) => {
    const problems = problemsOf({ ...good, ...change });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  it("withholds the admin key from the engine's environment and knows every secret value", () => {
    const config = parseConfig({ ...good, PATH: "/bin", PULUMI_HOME: "/p", EDITOR: "vi" });
    expect(config.engineEnvironment).toMatchObject({
      PATH: "/bin",
      PULUMI_HOME: "/p",
      HCLOUD_TOKEN: good.HCLOUD_TOKEN,
    });
    expect(config.engineEnvironment).not.toHaveProperty("CLAWFLEET_ADMIN_KEY");
    expect(config.engineEnvironment).not.toHaveProperty("STRIPE_SECRET_KEY");
    expect(config.engineEnvironment).not.toHaveProperty("EDITOR");
    for (const value of [
      "ab".repeat(32),
      "k".repeat(40),
      "sk_test_123",
      "whsec_b",
      "a".repeat(64),
      "c".repeat(40),
    ]) {
      expect(config.secretValues).toContain(value);
    }
  });
});

describe("what a role needs", () => {
  const shared = { ...good, DATABASE_URL: "postgres://a:b@db.example.com/clawfleet" };
  const without = (environment: Environment, ...names: string[]): Environment =>
    Object.fromEntries(Object.entries(environment).filter(([name]) => !names.includes(name)));
  const clouds = ["HCLOUD_TOKEN", "CLOUDFLARE_API_TOKEN"];
  const billing = [
    "CLAWFLEET_ADMIN_KEY",
    "CLAWFLEET_PUBLIC_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
  ];
  const serve = (environment: Environment) => parseConfig(environment, "serve");

  it.each([
    ["start", parseConfig, good],
    ["serve without a cloud's token", serve, without(shared, ...clouds)],
    ["work without billing", parseWorkConfig, without(shared, ...billing)],
    [
      "work with the tokens of one other account alone",
      parseWorkConfig,
      {
        ...without(shared, ...billing, ...clouds),
        HCLOUD_TOKEN_SECOND: good.HCLOUD_TOKEN,
        CLOUDFLARE_API_TOKEN_SECOND: good.CLOUDFLARE_API_TOKEN,
      },
    ],
  ])("is there for %s", (_what, parse, environment) => {
    expect(problemsOf(environment, parse)).toEqual([]);
  });

  it.each([
    ["start without tokens", parseConfig, without(good, ...clouds), ["HCLOUD_TOKEN", "CLOUDFLARE_API_TOKEN"]],
    [
      "work that shares what it has not",
      parseWorkConfig,
      {
        ...without(shared, ...clouds),
        HCLOUD_TOKEN_SECOND: good.HCLOUD_TOKEN,
        CLOUDFLARE_API_TOKEN_SECOND: "default",
      },
      ["CLOUDFLARE_API_TOKEN"],
    ],
    ["serve without a database", serve, good, ["DATABASE_URL"]],
    ["work without a database", parseWorkConfig, good, ["DATABASE_URL"]],
    [
      "work without any token",
      parseWorkConfig,
      without(shared, ...clouds),
      ["HCLOUD_TOKEN", "CLOUDFLARE_API_TOKEN"],
    ],
    ["serve without billing", serve, without(shared, ...billing), billing],
  ])("is missing for %s", (_what, parse, environment, names) => {
    const problems = problemsOf(environment, parse);
    expect(problems.map((problem) => problem.split(" is missing")[0])).toEqual(names);
  });

  it("includes an address only where the role listens by itself", () => {
    expect(parseWorkConfig(shared).listen).toBeUndefined();
    expect(parseWorkConfig({ ...shared, CLAWFLEET_LISTEN: "0.0.0.0:9" }).listen?.port).toBe(9);
  });
});
