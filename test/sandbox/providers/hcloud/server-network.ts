/** hcloud_server_network, of the framework half. Its id is `<server>-<network>`. */
import type { ResourceDefinition } from "../bridge/definition.ts";
import { bagOf, isAbsent, listOf, type Bag } from "../bridge/values.ts";
import { omitEmpty } from "./bodies.ts";
import type { HcloudClient } from "./client.ts";
import { hasCode, ignoreNotFound } from "./errors.ts";
import { parseSubnetId } from "./network-subnet.ts";

const attachTries = 5;

export const serverNetwork: ResourceDefinition<HcloudClient> = {
  token: "hcloud:index/serverNetwork:ServerNetwork",
  style: "framework",
  fields: {
    serverId: { type: "integer", required: true, replace: true, from: "server" },
    networkId: { type: "integer", replace: true, computed: true, from: "network" },
    subnetId: { type: "string", replace: true },
    ip: { type: "string", replace: true, computed: true, from: "ip" },
    aliasIps: { type: "set", default: [], from: (seen) => listOf(seen["alias_ips"]) },
    macAddress: { type: "string", output: true, from: "mac_address" },
  },
  validate(inputs) {
    const given = ["networkId", "subnetId"].filter((name) => !isAbsent(inputs[name]));
    if (given.length === 1) return [];
    const reason = "Invalid Attribute Combination: exactly one of network_id and subnet_id must be specified";
    return [{ reason }];
  },
  async create({ client }, wanted) {
    const server = String(wanted["serverId"]);
    const subnet = typeof wanted["subnetId"] === "string" ? parseSubnetId(wanted["subnetId"]) : undefined;
    const network = subnet?.network ?? String(wanted["networkId"]);
    const body = omitEmpty({
      network: Number(network),
      ip: wanted["ip"],
      alias_ips: wanted["aliasIps"],
      ip_range: subnet?.range,
    });
    await attach(client, server, body);
    const id = `${server}-${network}`;
    const seen = await readAttachment(client, id);
    if (!seen) throw new Error(`server ${server} is not attached to network ${network}`);
    return { id, seen };
  },
  read: ({ client }, id) => readAttachment(client, id),
  async update({ client }, { id, wanted, changed }) {
    const { server, network } = parseId(id);
    if (changed.has("aliasIps")) {
      const body = { network: Number(network), alias_ips: listOf(wanted["aliasIps"]) };
      const answer = await client.call("POST", `/servers/${server}/actions/change_alias_ips`, body);
      await client.waitFor(answer["action"]);
    }
    return await readAttachment(client, id);
  },
  async delete({ client }, id) {
    const { server, network } = parseId(id);
    await ignoreNotFound(async () => {
      const answer = await client.retryOn(["conflict", "locked", "service_error"], attachTries, () =>
        client.call("POST", `/servers/${server}/actions/detach_from_network`, { network: Number(network) }),
      );
      await client.waitFor(answer["action"]);
    });
  },
};

/** Attached already is as good. */
async function attach(client: HcloudClient, server: string, body: Bag): Promise<void> {
  const codes = ["conflict", "locked", "service_error", "no_subnet_available"];
  try {
    const answer = await client.retryOn(codes, attachTries, () =>
      client.call("POST", `/servers/${server}/actions/attach_to_network`, body),
    );
    await client.waitFor(answer["action"]);
  } catch (error) {
    if (!hasCode(error, "server_already_attached")) throw error;
  }
}

function parseId(id: string): { server: string; network: string } {
  const [server = "", network = ""] = id.split("-");
  return { server, network };
}

async function readAttachment(client: HcloudClient, id: string): Promise<Bag | undefined> {
  const { server, network } = parseId(id);
  const found = await client.find(`/servers/${server}`, "server");
  const attached = listOf(found?.["private_net"])
    .map(bagOf)
    .find((one) => String(one["network"]) === network);
  return attached && { ...attached, server: Number(server) };
}
