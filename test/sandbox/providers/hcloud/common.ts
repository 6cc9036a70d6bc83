/** What the resources of this provider share: their client, and how the bridge shows API objects. */
import type { Call } from "../bridge/definition.ts";
import { isBag, type Bag } from "../bridge/values.ts";
import { createHcloudClient, isNotFound, type HcloudClient } from "./client.ts";

export type HcloudSettings = { endpoint: string; timeScale: number };

export type ClientOf = (call: Call) => HcloudClient;

/** Polls of the SDKv2 half are capped at 60 s, those of the framework half at 10 s. */
export function clientFactory(settings: HcloudSettings): { sdk: ClientOf; framework: ClientOf } {
  const make =
    (pollCapMs: number): ClientOf =>
    ({ session }) => {
      const text = (name: string) =>
        typeof session.config[name] === "string" ? session.config[name] : undefined;
      return createHcloudClient({
        endpoint: (text("endpoint") ?? settings.endpoint).replace(/\/$/, ""),
        token: text("token") ?? "",
        pollIntervalMs: parseGoDuration(text("pollInterval") ?? "500ms"),
        pollFunction: text("pollFunction") ?? "exponential",
        pollCapMs,
        timeScale: settings.timeScale,
      });
    };
  return { sdk: make(60_000), framework: make(10_000) };
}

/** Milliseconds of "500ms", "2s", "1m30s". @throws RangeError */
export function parseGoDuration(text: string): number {
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text)
    throw new RangeError(`not a duration: ${text}`);
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ""] ?? 0), 0);
}

/** Members that Terraform's SDKv2 leaves out when they are empty. */
export function omitEmpty(bag: Bag): Bag {
  return Object.fromEntries(
    Object.entries(bag).filter(([, value]) => {
      if (value === undefined || value === null || value === "") return false;
      if (Array.isArray(value)) return value.length > 0;
      return !isBag(value) || Object.keys(value).length > 0;
    }),
  );
}

export function bagOf(value: unknown): Bag {
  return isBag(value) ? value : {};
}

export function listIn(bag: Bag, name: string): unknown[] {
  const value = bag[name];
  return Array.isArray(value) ? value : [];
}

/** The object of `path` when it exists. */
export async function find(client: HcloudClient, path: string, member: string): Promise<Bag | undefined> {
  try {
    return bagOf((await client.call("GET", path))[member]);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
