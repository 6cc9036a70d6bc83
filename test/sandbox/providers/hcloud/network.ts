/** hcloud_network, of the SDKv2 half. */
import type { ResourceDefinition } from "../bridge/definition.ts";
import { bagOf, isBag, listOf, type Bag } from "../bridge/values.ts";
import { omitEmpty } from "./bodies.ts";
import type { HcloudClient } from "./client.ts";
import { ignoreNotFound } from "./errors.ts";
import { labelsField } from "./labels.ts";

export const network: ResourceDefinition<HcloudClient> = {
  token: "hcloud:index/network:Network",
  style: "sdkv2",
  autoname: true,
  fields: {
    name: { type: "string", required: true, from: "name" },
    ipRange: { type: "string", required: true, replace: true, from: "ip_range" },
    labels: labelsField,
    deleteProtection: { type: "boolean", default: false, from: "protection.delete" },
    exposeRoutesToVswitch: { type: "boolean", default: false, from: "expose_routes_to_vswitch" },
  },
  async create({ client, made }, wanted) {
    const body = {
      ...omitEmpty({ name: wanted["name"], ip_range: wanted["ipRange"], labels: wanted["labels"] }),
      expose_routes_to_vswitch: wanted["exposeRoutesToVswitch"] === true,
    };
    const answer = await client.call("POST", "/networks", body);
    const id = String(bagOf(answer["network"])["id"]);
    made(id);
    if (wanted["deleteProtection"] === true) await protect(client, id, true);
    const seen = await findNetwork(client, id);
    if (!seen) throw new Error(`network ${id} not found`);
    return { id, seen };
  },
  read: ({ client }, id) => findNetwork(client, id),
  async update({ client }, { id, wanted, changed }) {
    if (!(await findNetwork(client, id))) return undefined;
    const puts: Record<string, Bag> = {
      name: { name: wanted["name"] },
      labels: { labels: bagOf(wanted["labels"]) },
      exposeRoutesToVswitch: { expose_routes_to_vswitch: wanted["exposeRoutesToVswitch"] === true },
    };
    for (const [property, body] of Object.entries(puts)) {
      if (changed.has(property)) await client.call("PUT", `/networks/${id}`, body);
    }
    if (changed.has("deleteProtection")) await protect(client, id, wanted["deleteProtection"] === true);
    return await findNetwork(client, id);
  },
  delete: ({ client }, id) => ignoreNotFound(() => client.call("DELETE", `/networks/${id}`)),
};

async function protect(client: HcloudClient, id: string, on: boolean): Promise<void> {
  const answer = await client.call("POST", `/networks/${id}/actions/change_protection`, { delete: on });
  await client.waitFor(answer["action"]);
}

/** A 404 by id is asked again by name, as hcloud-go's Get does. */
async function findNetwork(client: HcloudClient, id: string): Promise<Bag | undefined> {
  const byId = await client.find(`/networks/${id}`, "network");
  if (byId) return byId;
  const answer = await client.call("GET", `/networks?name=${encodeURIComponent(id)}`);
  return listOf(answer["networks"]).find(isBag);
}
