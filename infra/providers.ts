/** The providers of one stack, with the tokens of its account. Endpoints come from their own environment variables. */
import { Provider as CloudflareProvider } from "@pulumi/cloudflare/provider.js";
import { Provider as HcloudProvider } from "@pulumi/hcloud/provider.js";
import * as pulumi from "@pulumi/pulumi";
import type { Credentials } from "./inputs.ts";

export function createProviders(credentials: Credentials, pollInterval: string): pulumi.ProviderResource[] {
  return [
    new HcloudProvider("hcloud", {
      token: pulumi.secret(credentials.hcloudToken),
      // The default doubles its waits up to a minute, so a server that is ready is noticed half a minute late.
      pollFunction: "constant",
      pollInterval,
    }),
    new CloudflareProvider("cloudflare", { apiToken: pulumi.secret(credentials.cloudflareToken) }),
  ];
}
