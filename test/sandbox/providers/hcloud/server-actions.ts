/** Actions on a server, each waited for. */
import { listOf, type Bag } from "../bridge/values.ts";
import { omitEmpty } from "./bodies.ts";
import type { HcloudClient } from "./client.ts";

export async function act(client: HcloudClient, id: string, action: string, body?: unknown): Promise<void> {
  const answer = await client.call("POST", `/servers/${id}/actions/${action}`, body);
  await client.waitFor(answer["action"]);
}

/** Inline networks; `ServerNetwork` resources do it themselves. */
export async function attach(client: HcloudClient, id: string, network: Bag): Promise<void> {
  const body = omitEmpty({
    network: network["networkId"],
    ip: network["ip"],
    alias_ips: listOf(network["aliasIps"]),
  });
  await act(client, id, "attach_to_network", body);
}

export async function protect(client: HcloudClient, id: string, wanted: Bag): Promise<void> {
  await act(client, id, "change_protection", {
    delete: wanted["deleteProtection"] === true,
    rebuild: wanted["rebuildProtection"] === true,
  });
}
