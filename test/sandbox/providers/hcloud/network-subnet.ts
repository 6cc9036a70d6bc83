/** hcloud_network_subnet, of the SDKv2 half. Its id is `<network>-<range>`; it is never updated. */
import type { ResourceDefinition } from "../bridge/definition.ts";
import { ProcessDeath } from "../bridge/plugin.ts";
import { bagOf, listOf, type Bag } from "../bridge/values.ts";
import { omitEmpty } from "./bodies.ts";
import type { HcloudClient } from "./client.ts";
import { hasCode, HcloudError } from "./errors.ts";

const addTries = 5;
const deleteTries = 50;

export const networkSubnet: ResourceDefinition<HcloudClient> = {
  token: "hcloud:index/networkSubnet:NetworkSubnet",
  style: "sdkv2",
  fields: {
    networkId: { type: "integer", required: true, replace: true, from: "network" },
    type: { type: "string", required: true, replace: true, refuse: refuseType, from: "type" },
    networkZone: { type: "string", required: true, replace: true, from: "network_zone" },
    ipRange: { type: "string", required: true, replace: true, from: "ip_range" },
    vswitchId: {
      type: "integer",
      replace: true,
      from: (seen, known) => seen["vswitch_id"] ?? known["vswitchId"],
    },
    gateway: { type: "string", output: true, from: "gateway" },
  },
  async create({ client, made }, wanted) {
    const network = String(wanted["networkId"]);
    const body = omitEmpty({
      type: wanted["type"],
      ip_range: wanted["ipRange"],
      network_zone: wanted["networkZone"],
      vswitch_id: wanted["vswitchId"],
    });
    const answer = await client.retryOn(["conflict", "vswitch_id_already_used"], addTries, () =>
      client.call("POST", `/networks/${network}/actions/add_subnet`, body),
    );
    await client.waitFor(answer["action"]);
    const id = `${network}-${String(wanted["ipRange"])}`;
    made(id);
    const seen = await readSubnet(client, id);
    if (!seen) throw new Error(`subnet ${id} not found`);
    return { id, seen };
  },
  read: ({ client }, id) => readSubnet(client, id),
  update: ({ client }, { id }) => readSubnet(client, id),
  delete: ({ client }, id) => deleteSubnet(client, id),
};

function refuseType(type: unknown): string | undefined {
  const types = ["cloud", "server", "vswitch"];
  if (types.includes(String(type))) return undefined;
  return `expected type to be one of ${JSON.stringify(types).replaceAll(",", " ")}, got ${String(type)}`;
}

export function parseSubnetId(id: string): { network: string; range: string } {
  const at = id.indexOf("-");
  return { network: id.slice(0, at), range: id.slice(at + 1) };
}

async function readSubnet(client: HcloudClient, id: string): Promise<Bag | undefined> {
  const { network, range } = parseSubnetId(id);
  const found = await client.find(`/networks/${network}`, "network");
  const subnet = subnetIn(found, range);
  return subnet && { ...subnet, network: Number(network) };
}

function subnetIn(network: Bag | undefined, range: string): Bag | undefined {
  return listOf(network?.["subnets"])
    .map(bagOf)
    .find((one) => one["ip_range"] === range);
}

/** Fifty tries while servers are attached, then silently given up: the resource leaves the state all the same. */
async function deleteSubnet(client: HcloudClient, id: string): Promise<void> {
  const { network, range } = parseSubnetId(id);
  for (let attempt = 0; attempt < deleteTries; attempt += 1) {
    const found = await client.find(`/networks/${network}`, "network");
    if (!found) return;
    if (!subnetIn(found, range)) throw new ProcessDeath("nil pointer dereference");
    try {
      const path = `/networks/${network}/actions/delete_subnet`;
      const answer = await client.call("POST", path, { ip_range: range });
      return await client.waitFor(answer["action"]);
    } catch (error) {
      if (hasCode(error, "not_found")) return;
      if (!isInUse(error)) throw error;
      await client.pause(2 ** attempt);
    }
  }
}

function isInUse(error: unknown): boolean {
  if (hasCode(error, "conflict", "locked")) return true;
  const texts = ["servers are attached", "network has attached resources"];
  return (
    error instanceof HcloudError &&
    error.code === "service_error" &&
    texts.some((text) => error.message.includes(text))
  );
}
