/** hcloud_server, of the SDKv2 half. */
import type { ResourceDefinition } from "../bridge/definition.ts";
import { bagOf, isBag, listOf, type Bag } from "../bridge/values.ts";
import type { HcloudClient } from "./client.ts";
import { act, attach, protect } from "./server-actions.ts";
import { serverFields } from "./server-fields.ts";
import { toOrder } from "./server-order.ts";
import { updateServer } from "./server-update.ts";

const shutdownLooks = 5;

export const server: ResourceDefinition<HcloudClient> = {
  token: "hcloud:index/server:Server",
  style: "sdkv2",
  autoname: true,
  createTimeoutMinutes: 90,
  fields: serverFields,
  /** Pulumi's work-around for a crash on networks without alias addresses. */
  prepare(inputs) {
    const { networks } = inputs;
    if (!Array.isArray(networks)) return inputs;
    const filled = networks.map((one) => (isBag(one) ? { ...one, aliasIps: one["aliasIps"] ?? [] } : one));
    return { ...inputs, networks: filled };
  },
  async create({ client, made }, wanted) {
    const answer = await client.call("POST", "/servers", await toOrder(client, wanted));
    const id = String(bagOf(answer["server"])["id"]);
    made(id);
    await client.waitFor(answer["action"], ...listOf(answer["next_actions"]));
    await finish(client, id, wanted);
    const seen = await findServer(client, id);
    if (!seen) throw new Error(`server ${id} not found`);
    return { id, seen };
  },
  read: ({ client }, id) => findServer(client, id),
  async update({ client }, { id, state, wanted, changed }) {
    const seen = await findServer(client, id);
    if (!seen) return undefined;
    await updateServer(client, { id, seen, state, wanted, changed });
    return await findServer(client, id);
  },
  async delete({ client, log }, id, state) {
    if (state["shutdownBeforeDeletion"] === true && !(await shutDown(client, id))) {
      log("warning", "server did not shut down in time, deleting it all the same");
    }
    // A server that is gone already is an error here, not a success.
    const answer = await client.call("DELETE", `/servers/${id}`);
    await client.waitFor(answer["action"]);
  },
};

/** What an order cannot say is done once the server stands. */
async function finish(client: HcloudClient, id: string, wanted: Bag): Promise<void> {
  for (const network of listOf(wanted["networks"])) await attach(client, id, bagOf(network));
  if (wanted["backups"] === true) await act(client, id, "enable_backup");
  if (wanted["deleteProtection"] === true || wanted["rebuildProtection"] === true) {
    await protect(client, id, wanted);
  }
}

async function shutDown(client: HcloudClient, id: string): Promise<boolean> {
  await client.call("POST", `/servers/${id}/actions/shutdown`);
  for (let look = 0; look < shutdownLooks; look += 1) {
    await client.pause(2 ** look);
    const seen = await client.find(`/servers/${id}`, "server");
    if (seen?.["status"] === "off") return true;
  }
  return false;
}

/** A 404 by id is asked again by name, as hcloud-go's Get does. */
async function findServer(client: HcloudClient, id: string): Promise<Bag | undefined> {
  const byId = await client.find(`/servers/${id}`, "server");
  if (byId) return byId;
  const answer = await client.call("GET", `/servers?name=${encodeURIComponent(id)}`);
  return listOf(answer["servers"]).find(isBag);
}
