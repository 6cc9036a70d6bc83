/** The three provider servers of the sandbox, for the engine to attach to. */
import { serveProvider } from "./bridge/serve.ts";
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

export async function startProviders(options: ProvidersOptions): Promise<Providers> {
  const timeScale = options.timeScale ?? 1;
  const served = await Promise.all(
    [
      createTerraformPlugin(hcloudProvider({ endpoint: options.hcloudEndpoint, timeScale })),
      createTerraformPlugin(cloudflareProvider({ baseUrl: options.cloudflareBaseUrl, timeScale })),
      commandProvider({ timeScale }),
    ].map(serveProvider),
  );
  return {
    debugProviders: served.map(({ name, port }) => `${name}:${port}`).join(","),
    close: async () => {
      await Promise.all(served.map((one) => one.close()));
    },
  };
}
