/** Stand-in for pulumi-resource-hcloud. */
import type { ProviderDefinition } from "../bridge/definition.ts";
import { clientFactory, type HcloudSettings } from "./common.ts";
import { firewallResource } from "./firewall.ts";
import { serverNetworkResource, sshKeyResource } from "./framework.ts";
import { networkResource, networkSubnetResource } from "./network.ts";
import { serverResource } from "./server.ts";

export function hcloudProvider(settings: HcloudSettings): ProviderDefinition {
  const { sdk, framework } = clientFactory(settings);
  return {
    name: "hcloud",
    version: "1.41.0",
    secretConfig: ["token"],
    checkConfig: ({ token }) =>
      typeof token === "string" && token.length === 64
        ? []
        : ["entered token is invalid (must be exactly 64 characters long)"],
    resources: [
      serverResource(sdk),
      firewallResource(sdk),
      networkResource(sdk),
      networkSubnetResource(sdk),
      sshKeyResource(framework),
      serverNetworkResource(framework),
    ],
    functions: [],
  };
}
