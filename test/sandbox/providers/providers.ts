/** The three provider servers of the sandbox, for the engine to attach to. */
import type { Plugin } from "./bridge/plugin.ts";
import { serveProvider, type ServedProvider } from "./bridge/serve.ts";
import { createTerraformPlugin } from "./bridge/terraform.ts";
import { cloudflareProvider } from "./cloudflare/provider.ts";
import { commandProvider } from "./command/provider.ts";
import { hcloudProvider } from "./hcloud/provider.ts";

export type ProvidersOptions = {
  /** As HCLOUD_ENDPOINT for the official plugin, with `/v1`. */
  hcloudEndpoint: string;
  /** As CLOUDFLARE_BASE_URL, with `/client/v4`. */
  cloudflareBaseUrl: string;
  /** Factor on the providers' own waits between tries; 1 (default) is real. */
  timeScale?: number;
};

export type Providers = {
  /** Value of PULUMI_DEBUG_PROVIDERS. */
  debugProviders: string;
  close(): Promise<void>;
};

export const providerNames = ["hcloud", "cloudflare", "command"] as const;
export type ProviderName = (typeof providerNames)[number];

export async function startProviders(options: ProvidersOptions): Promise<Providers> {
  const served = await Promise.all(providerNames.map((name) => startProvider(name, options)));
  return {
    debugProviders: served.map(({ name, port }) => `${name}:${port}`).join(","),
    close: async () => {
      await Promise.all(served.map((one) => one.close()));
    },
  };
}

/** One of them, on `port` (0: a free one). */
export async function startProvider(
  name: ProviderName,
  options: ProvidersOptions,
  port = 0,
): Promise<ServedProvider> {
  return await serveProvider(createPlugin(name, options), port);
}

function createPlugin(name: ProviderName, options: ProvidersOptions): Plugin {
  const timeScale = options.timeScale ?? 1;
  switch (name) {
    case "hcloud":
      return createTerraformPlugin(hcloudProvider({ endpoint: options.hcloudEndpoint, timeScale }));
    case "cloudflare":
      return createTerraformPlugin(cloudflareProvider({ baseUrl: options.cloudflareBaseUrl, timeScale }));
    case "command":
      return commandProvider({ timeScale });
  }
}
