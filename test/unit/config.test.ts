/** Proves that a wrong environment is reported whole and that a right one becomes a typed configuration. */
import { describe, expect, it } from "vitest";
import { ConfigError, parseConfig } from "../../reconciler/config.ts";

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

function problemsOf(environment: Record<string, string | undefined>): readonly string[] {
  try {
    parseConfig(environment);
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

  it("gives an account its own tokens and falls back to the default's", () => {
    const config = parseConfig({ ...good, HCLOUD_TOKEN_SECOND: "b".repeat(64) });
    expect(config.accounts["second"]).toEqual({
      hcloudToken: "b".repeat(64),
      cloudflareToken: good.CLOUDFLARE_API_TOKEN,
    });
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
