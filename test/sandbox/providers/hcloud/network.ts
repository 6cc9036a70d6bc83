/** hcloud_network and hcloud_network_subnet. */
import { setTimeout as sleep } from "node:timers/promises";
import { ProcessDeath, type ResourceDefinition } from "../bridge/definition.ts";
import type { Bag } from "../bridge/values.ts";
import { hasCode, isNotFound, retryOn, type HcloudClient } from "./client.ts";
import { bagOf, find, listIn, omitEmpty, type ClientOf } from "./common.ts";
import { badLabels } from "./labels.ts";

export function networkResource(clientOf: ClientOf): ResourceDefinition {
  return {
    token: "hcloud:index/network:Network",
    style: "sdkv2",
    autoname: true,
    properties: {
      name: { kind: "string" },
      ipRange: { kind: "string", required: true, replace: true, terraform: "ip_range" },
      labels: { kind: "map" },
      deleteProtection: { kind: "boolean", default: false },
      exposeRoutesToVswitch: { kind: "boolean", default: false },
    },
    check: (inputs) => badLabels(inputs["labels"]),
    async create(call, inputs) {
      const client = clientOf(call);
      const body = {
        ...omitEmpty({ name: inputs["name"], ip_range: inputs["ipRange"], labels: inputs["labels"] }),
        expose_routes_to_vswitch: inputs["exposeRoutesToVswitch"] ?? false,
      };
      const made = await client.call("POST", "/networks", body);
      const id = String(bagOf(made["network"])["id"]);
      const network = await find(client, `/networks/${id}`, "network");
      return { id, state: networkState(network ?? bagOf(made["network"])) };
    },
    async read(call, id) {
      const network = await find(clientOf(call), `/networks/${id}`, "network");
      return network && networkState(network);
    },
    async update(call, id, state, inputs, changed) {
      const client = clientOf(call);
      const puts: Record<string, Bag> = {
        name: { name: inputs["name"] },
        labels: { labels: inputs["labels"] ?? {} },
        exposeRoutesToVswitch: { expose_routes_to_vswitch: inputs["exposeRoutesToVswitch"] ?? false },
      };
      for (const [property, body] of Object.entries(puts)) {
        if (changed.includes(property)) await client.call("PUT", `/networks/${id}`, body);
      }
      const network = await find(client, `/networks/${id}`, "network");
      return network ? networkState(network) : state;
    },
    async delete(call, id) {
      await clientOf(call)
        .call("DELETE", `/networks/${id}`)
        .catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
    },
  };
}

function networkState(network: Bag): Bag {
  return {
    id: String(network["id"]),
    name: network["name"],
    ipRange: network["ip_range"],
    labels: bagOf(network["labels"]),
    deleteProtection: bagOf(network["protection"])["delete"] === true,
    exposeRoutesToVswitch: network["expose_routes_to_vswitch"] === true,
  };
}

const subnetDeleteTries = 50;

export function networkSubnetResource(clientOf: ClientOf): ResourceDefinition {
  return {
    token: "hcloud:index/networkSubnet:NetworkSubnet",
    style: "sdkv2",
    properties: {
      networkId: { kind: "number", required: true, replace: true, terraform: "network_id" },
      type: { kind: "string", required: true, replace: true },
      networkZone: { kind: "string", required: true, replace: true, terraform: "network_zone" },
      ipRange: { kind: "string", required: true, replace: true, terraform: "ip_range" },
      vswitchId: { kind: "number", replace: true },
      gateway: { kind: "string", output: true },
    },
    async create(call, inputs) {
      const client = clientOf(call);
      const network = String(inputs["networkId"]);
      const body = omitEmpty({
        type: inputs["type"],
        ip_range: inputs["ipRange"],
        network_zone: inputs["networkZone"],
        vswitch_id: inputs["vswitchId"],
      });
      const answer = await retryOn(client, ["conflict", "vswitch_id_already_used"], 5, () =>
        client.call("POST", `/networks/${network}/actions/add_subnet`, body),
      );
      await client.waitFor([answer["action"]]);
      const id = `${network}-${String(inputs["ipRange"])}`;
      const state = await readSubnet(client, id);
      if (!state) throw new Error(`creating ${call.urn}: subnet ${id} not found`);
      return { id, state };
    },
    read: (call, id) => readSubnet(clientOf(call), id),
    update: async (_call, _id, state) => state,
    delete: (call, id) => deleteSubnet(clientOf(call), id),
  };
}

function splitSubnetId(id: string): { network: string; range: string } {
  const at = id.indexOf("-");
  return { network: id.slice(0, at), range: id.slice(at + 1) };
}

async function readSubnet(client: HcloudClient, id: string): Promise<Bag | undefined> {
  const { network, range } = splitSubnetId(id);
  const found = await find(client, `/networks/${network}`, "network");
  const subnet = listIn(found ?? {}, "subnets")
    .map(bagOf)
    .find((one) => one["ip_range"] === range);
  if (!subnet) return undefined;
  return {
    id,
    networkId: Number(network),
    type: subnet["type"],
    networkZone: subnet["network_zone"],
    ipRange: range,
    gateway: subnet["gateway"],
    vswitchId: subnet["vswitch_id"] ?? 0,
  };
}

/** Fifty tries while servers are attached, then silently given up: the resource leaves the state all the same. */
async function deleteSubnet(client: HcloudClient, id: string): Promise<void> {
  const { network, range } = splitSubnetId(id);
  const found = await find(client, `/networks/${network}`, "network");
  if (!found) return;
  if (!listIn(found, "subnets").some((one) => bagOf(one)["ip_range"] === range)) {
    throw new ProcessDeath("nil pointer dereference");
  }
  for (let attempt = 0; attempt < subnetDeleteTries; attempt += 1) {
    try {
      const answer = await client.call("POST", `/networks/${network}/actions/delete_subnet`, {
        ip_range: range,
      });
      return await client.waitFor([answer["action"]]);
    } catch (error) {
      if (!hasCode(error, "conflict", "locked", "service_error")) throw error;
      await sleep(Math.min(60_000, 1000 * 2 ** attempt) * client.timeScale);
    }
  }
}
