/** What Hetzner's metadata service would tell cloud-init, as the NoCloud data source reads it. Pure. */
import { stringify } from "yaml";
import type { MachineSpec } from "../../sandbox/machines/driver.ts";
import { addresses } from "../network/network.ts";

/** Files below /var/lib/cloud/seed/nocloud. */
export function seedFiles(spec: MachineSpec, instanceId: string): Record<string, string> {
  const metaData = {
    "instance-id": instanceId,
    "local-hostname": spec.name,
    "public-keys": spec.authorizedKeys.map((key) => key.trim()),
  };
  const network = {
    version: 1,
    config: [
      {
        type: "physical",
        name: "eth0",
        subnets: [
          {
            type: "static",
            address: `${spec.address}/24`,
            gateway: addresses.router,
            dns_nameservers: [addresses.names],
          },
        ],
      },
    ],
  };
  return {
    "meta-data": stringify(metaData),
    "user-data": spec.userData === "" ? "#cloud-config\n{}\n" : spec.userData,
    "network-config": stringify(network),
  };
}
