/** The provider's configuration: what it refuses, and the clients that it leads to. */
import type { Problem } from "../bridge/definition.ts";
import type { Style } from "../bridge/fields.ts";
import type { RunContext } from "../bridge/plugin.ts";
import { isUnknown, type Bag } from "../bridge/values.ts";
import { createHcloudClient, type HcloudClient } from "./client.ts";

export type HcloudSettings = {
  /** Taken when neither the configuration nor the engine's environment (HCLOUD_ENDPOINT) names one. */
  endpoint: string;
  /** Factor on the provider's own waits. */
  timeScale: number;
};

/** Longest wait between two polls, by half. */
const pollCapMs: Record<Style, number> = { sdkv2: 60_000, framework: 10_000 };
const tokenLength = 64;

export function checkConfig({ token }: Bag): Problem[] {
  if (isUnknown(token) || (typeof token === "string" && token.length === tokenLength)) return [];
  return [
    { path: "token", reason: `entered token is invalid (must be exactly ${tokenLength} characters long)` },
  ];
}

/** @throws for a token or poll interval that cannot be. */
export function connect(
  settings: HcloudSettings,
  config: Bag,
  run: RunContext,
): (style: Style) => HcloudClient {
  const text = (name: string) => (typeof config[name] === "string" ? config[name] : undefined);
  const [problem] = checkConfig(config);
  if (problem) throw new Error(problem.reason);
  const common = {
    endpoint: (text("endpoint") ?? run.environment["HCLOUD_ENDPOINT"] ?? settings.endpoint).replace(
      /\/$/,
      "",
    ),
    token: text("token") ?? "",
    pollIntervalMs: parseGoDuration(text("pollInterval") ?? "500ms"),
    pollFunction: text("pollFunction") ?? "exponential",
    timeScale: settings.timeScale,
    signal: run.signal,
  };
  const clients = {
    sdkv2: createHcloudClient({ ...common, pollCapMs: pollCapMs.sdkv2 }),
    framework: createHcloudClient({ ...common, pollCapMs: pollCapMs.framework }),
  };
  return (style) => clients[style];
}

/** Milliseconds of "500ms", "2s", "1m30s". @throws RangeError */
export function parseGoDuration(text: string): number {
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text) {
    throw new RangeError(`not a duration: ${text}`);
  }
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ""] ?? 0), 0);
}
