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

const mail = {
  SMTP_URL: "smtp://us%40x:p%3Ass%20word@mail.example.com",
  MAIL_FROM: "The Claws <hello@claws.example>",
  ALERT_EMAIL: "ops@claws.example",
  ALERT_SLACK_URL: "https://hooks.slack.example/services/T0/B0/secret",
  ALERT_TELEGRAM_TOKEN: "123456:abcdefghijklmnopqrstuvwxyz0123456789",
  ALERT_TELEGRAM_CHAT: "-1001",
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

describe("Paddle's part of it", () => {
  const paddle = {
    PADDLE_API_KEY: "pdl_live_apikey_01gtgztp8f4kek3yd4g1wrksa3_q6TGTJyvoIz7LDtXT65bX7_AQO",
    PADDLE_WEBHOOK_SECRET: "pdl_ntfset_a, pdl_ntfset_b",
    PADDLE_CHECKOUT_URL: "https://www.example.com/pay",
  };
  const sandboxKey = paddle.PADDLE_API_KEY.replace("live", "sdbx");

  it("may be absent", () => {
    expect(parseConfig(good).paddle).toBeUndefined();
    expect(parseConfig({ ...good, PADDLE_API_KEY: "" }).paddle).toBeUndefined();
  });

  it("is read whole, and its key says which API it is for", () => {
    expect(parseConfig({ ...good, ...paddle }).paddle).toEqual({
      apiKey: paddle.PADDLE_API_KEY,
      webhookSecrets: ["pdl_ntfset_a", "pdl_ntfset_b"],
      apiUrl: "https://api.paddle.com",
      checkoutUrl: "https://www.example.com/pay",
    });
    const sandbox = parseConfig({ ...good, ...paddle, PADDLE_API_KEY: sandboxKey });
    expect(sandbox.paddle?.apiUrl).toBe("https://sandbox-api.paddle.com");
    const local = parseConfig({ ...good, ...paddle, PADDLE_API_URL: "http://127.0.0.1:9/" });
    expect(local.paddle?.apiUrl).toBe("http://127.0.0.1:9");
  });

  it("holds secrets, which no log may show", () => {
    const { secretValues } = parseConfig({ ...good, ...paddle });
    expect(secretValues).toEqual(
      expect.arrayContaining([paddle.PADDLE_API_KEY, "pdl_ntfset_a", "pdl_ntfset_b"]),
    );
  });

  it.each<[string, Record<string, string | undefined>, string[]]>([
    [
      "a key alone",
      { PADDLE_WEBHOOK_SECRET: undefined, PADDLE_CHECKOUT_URL: undefined },
      ["PADDLE_WEBHOOK_SECRET", "PADDLE_CHECKOUT_URL"],
    ],
    ["everything but the key", { PADDLE_API_KEY: undefined }, ["PADDLE_API_KEY"]],
    ["a live key for the sandbox", { PADDLE_API_URL: "https://sandbox-api.paddle.com" }, ["PADDLE_API_URL"]],
    [
      "a sandbox key for the live API",
      { PADDLE_API_KEY: sandboxKey, PADDLE_API_URL: "https://api.paddle.com/" },
      ["PADDLE_API_URL"],
    ],
    ["a client-side token", { PADDLE_API_KEY: "live_7d279f61a3499fed520f7cd8c08" }, ["PADDLE_API_KEY"]],
    ["Stripe's secret", { PADDLE_WEBHOOK_SECRET: "whsec_a" }, ["PADDLE_WEBHOOK_SECRET"]],
    ["a page that is none", { PADDLE_CHECKOUT_URL: "pay" }, ["PADDLE_CHECKOUT_URL"]],
  ])("is refused with %s", (_what, change, names) => {
    const problems = problemsOf({ ...good, ...paddle, ...change });
    expect(problems.map((problem) => problem.split(/[ .:]/)[0])).toEqual(names);
    expect(problems.join()).not.toContain("q6TGTJyvoIz7LDtXT65bX7");
  });
});

describe("the part for messages", () => {
  it("needs nothing for messages, and reads all of it when it is there", () => {
    expect(parseConfig(good).messages).toEqual({
      mail: undefined,
      alertEmail: undefined,
      slackUrl: undefined,
      telegram: undefined,
    });
    const { messages, secretValues } = parseConfig({ ...good, ...mail });
    expect(messages).toEqual({
      mail: {
        smtp: {
          host: "mail.example.com",
          port: 587,
          secure: false,
          auth: { user: "us@x", pass: "p:ss word" },
        },
        from: { name: "The Claws", address: "hello@claws.example" },
      },
      alertEmail: "ops@claws.example",
      slackUrl: mail.ALERT_SLACK_URL,
      telegram: { token: mail.ALERT_TELEGRAM_TOKEN, chat: "-1001", apiUrl: "https://api.telegram.org" },
    });
    for (const secret of ["p:ss word", mail.ALERT_SLACK_URL, mail.ALERT_TELEGRAM_TOKEN])
      expect(secretValues).toContain(secret);
  });

  it.each([
    ["smtps://mail.example.com", { host: "mail.example.com", port: 465, secure: true, auth: undefined }],
    ["smtp://127.0.0.1:2525", { host: "127.0.0.1", port: 2525, secure: false, auth: undefined }],
    ["smtp://[::1]:25", { host: "::1", port: 25, secure: false, auth: undefined }],
  ])("reads the mail server %s", (url, smtp) => {
    const config = parseConfig({ ...good, SMTP_URL: url, MAIL_FROM: "a@b.example" });
    expect(config.messages.mail).toEqual({ smtp, from: { name: "a@b.example", address: "a@b.example" } });
  });

  it.each([
    [{ SMTP_URL: "smtp://mail.example.com" }, "MAIL_FROM is missing"],
    [{ ALERT_EMAIL: "ops@claws.example" }, "SMTP_URL is missing"],
    [{ ALERT_TELEGRAM_TOKEN: mail.ALERT_TELEGRAM_TOKEN }, "ALERT_TELEGRAM_CHAT is missing"],
    [{ ALERT_TELEGRAM_CHAT: "-1001" }, "ALERT_TELEGRAM_TOKEN is missing"],
    [{ SMTP_URL: "https://mail.example.com", MAIL_FROM: "a@b.example" }, "SMTP_URL"],
    [{ SMTP_URL: "smtp://mail.example.com?pool=true", MAIL_FROM: "a@b.example" }, "SMTP_URL"],
    [{ SMTP_URL: "smtp://u:%zz@mail.example.com", MAIL_FROM: "a@b.example" }, "SMTP_URL"],
    [{ SMTP_URL: "smtp://mail.example.com", MAIL_FROM: "a@b.example, c@d.example" }, "MAIL_FROM"],
    [{ SMTP_URL: "smtp://mail.example.com", MAIL_FROM: "A\r\nBcc: c@d.example <a@b.example>" }, "MAIL_FROM"],
    [{ ALERT_TELEGRAM_TOKEN: "secret", ALERT_TELEGRAM_CHAT: "-1" }, "ALERT_TELEGRAM_TOKEN"],
    [{ ALERT_SLACK_URL: "hooks.slack.example" }, "ALERT_SLACK_URL"],
  ])("refuses %j as a whole", (environment, problem) => {
    const problems = problemsOf({ ...good, ...environment });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });
});
