/** Stand-in for pulumi-resource-hcloud. */
import type { TerraformProvider } from "../bridge/definition.ts";
import type { HcloudClient } from "./client.ts";
import { wording } from "./errors.ts";
import { firewall } from "./firewall.ts";
import { networkSubnet } from "./network-subnet.ts";
import { network } from "./network.ts";
import { serverNetwork } from "./server-network.ts";
import { server } from "./server.ts";
import { checkConfig, connect, type HcloudSettings } from "./settings.ts";
import { sshKey } from "./ssh-key.ts";

export function hcloudProvider(settings: HcloudSettings): TerraformProvider<HcloudClient> {
  return {
    name: "hcloud",
    version: "1.41.0",
    secretConfig: ["token"],
    checkConfig,
    connect: (config, run) => connect(settings, config, run),
    wording,
    resources: [server, firewall, network, networkSubnet, sshKey, serverNetwork],
    functions: [],
  };
}
