/** Stand-in for pulumi-resource-cloudflare. Everything that we use is of the framework half. */
import type { Problem, TerraformProvider } from "../bridge/definition.ts";
import { messageOf, type RunContext } from "../bridge/plugin.ts";
import { isUnknown, type Bag } from "../bridge/values.ts";
import { CloudflareError, createCloudflareClient, type CloudflareClient } from "./client.ts";
import { dnsRecord } from "./dns-record.ts";
import { getIpRanges, getZone } from "./functions.ts";
import { originCaCertificate } from "./origin-ca-certificate.ts";

export type CloudflareSettings = {
  /** Taken when neither the configuration nor the engine's environment (CLOUDFLARE_BASE_URL) names one. */
  baseUrl: string;
  /** Factor on the provider's own waits. */
  timeScale: number;
};

export function cloudflareProvider(settings: CloudflareSettings): TerraformProvider<CloudflareClient> {
  return {
    name: "cloudflare",
    version: "6.22.1",
    secretConfig: ["apiToken", "apiKey", "apiUserServiceKey"],
    checkConfig,
    connect: (config, run) => connect(settings, config, run),
    wording: { sdkv2: word, framework: word },
    resources: [dnsRecord, originCaCertificate],
    functions: [getZone, getIpRanges],
  };
}

/** The sandbox knows tokens only. */
function checkConfig({ apiToken }: Bag): Problem[] {
  if (isUnknown(apiToken) || (typeof apiToken === "string" && apiToken !== "")) return [];
  const reason =
    "Missing credentials: must provide exactly one of `api_key`, `api_token` or `api_user_service_key`";
  return [{ path: "apiToken", reason }];
}

function connect(settings: CloudflareSettings, config: Bag, run: RunContext): () => CloudflareClient {
  const { apiToken, baseUrl } = config;
  const [problem] = checkConfig(config);
  if (problem) throw new Error(problem.reason);
  const inherited = run.environment["CLOUDFLARE_BASE_URL"] ?? settings.baseUrl;
  const client = createCloudflareClient({
    baseUrl: (typeof baseUrl === "string" && baseUrl !== "" ? baseUrl : inherited).replace(/\/$/, ""),
    token: String(apiToken),
    timeScale: settings.timeScale,
    signal: run.signal,
  });
  return () => client;
}

function word(error: unknown): string {
  const text = messageOf(error);
  return error instanceof CloudflareError ? `failed to make http request: ${text}` : text;
}
