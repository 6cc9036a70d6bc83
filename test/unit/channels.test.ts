/**
 * Proves where a customer's keys go: channel tokens into a file that the configuration names, everything else into the
 * environment, and nothing of either into the configuration itself. OpenClaw's own judgement of it is in `make lab`.
 */
import { describe, expect, test } from "vitest";
import { channelConfig, secretsFile, splitKeys } from "../../cloud-init/channels.ts";
import { configureDocument, type ConfigureInput } from "../../cloud-init/documents.ts";
import { machineInput } from "../support/machine-input.ts";

const telegram = "123:telegram-token";
const input: ConfigureInput = {
  ...machineInput,
  environment: { TELEGRAM_BOT_TOKEN: telegram, ANTHROPIC_API_KEY: "sk-ant-1" },
};
type Written = Record<
  "config" | "environment" | "secrets",
  { content: string; mode: string; owner?: string }
>;
const written = (change: Partial<ConfigureInput> = {}): Written =>
  JSON.parse(configureDocument({ ...input, ...change })) as Written;

test("a channel's token is in a file of mode 0600 that the gateway's user owns, and nowhere else", () => {
  const { config, environment, secrets } = written();
  expect(secrets).toMatchObject({ path: secretsFile, mode: "0600", owner: "openclaw" });
  expect(JSON.parse(secrets.content)).toEqual({ TELEGRAM_BOT_TOKEN: telegram });
  expect(environment.content).not.toContain(telegram);
  expect(environment.content).toContain("sk-ant-1");
  expect(config.content).not.toMatch(/telegram-token|sk-ant/);
});

test("the configuration names it, and strangers are not answered", () => {
  const { channels, secrets } = JSON.parse(written().config.content) as Record<string, unknown>;
  expect(channels).toEqual({
    telegram: {
      enabled: true,
      botToken: { source: "file", provider: "customer", id: "/TELEGRAM_BOT_TOKEN" },
      dmPolicy: "pairing",
      groupPolicy: "disabled",
    },
  });
  expect(secrets).toEqual({ providers: { customer: { source: "file", path: secretsFile, mode: "json" } } });
});

test("without a channel the configuration says nothing of them", () => {
  const config = JSON.parse(written({ environment: {} }).config.content) as object;
  expect(Object.keys(config)).not.toContain("channels");
  expect(Object.keys(config)).not.toContain("secrets");
});

describe("channels", () => {
  test.each([
    ["nothing", [], []],
    ["no token of a channel", ["ANTHROPIC_API_KEY", "TELEGRAM_ALLOW"], []],
    ["one of Slack's two", ["SLACK_BOT_TOKEN"], []],
    ["both of Slack's", ["SLACK_APP_TOKEN", "SLACK_BOT_TOKEN"], ["slack"]],
    ["several", ["DISCORD_BOT_TOKEN", "TELEGRAM_BOT_TOKEN"], ["discord", "telegram"]],
  ])("%s", (_what, names, expected) => {
    expect(Object.keys(channelConfig(names).channels ?? {})).toEqual(expected);
  });
  test("keys are split without a loss", () => {
    const keys = { B: "2", TELEGRAM_BOT_TOKEN: "t", A: "1" };
    const { environment, channels } = splitKeys(keys);
    expect({ ...environment, ...channels }).toEqual(keys);
  });
});
