/** The resources of the plugin-framework half that we use: SSH key and server network. */
import type { ResourceDefinition } from "../bridge/definition.ts";
import type { Bag } from "../bridge/values.ts";
import { HcloudError, hasCode, isNotFound, retryOn, type HcloudClient } from "./client.ts";
import { bagOf, find, listIn, omitEmpty, type ClientOf } from "./common.ts";

export function sshKeyResource(clientOf: ClientOf): ResourceDefinition {
  return {
    token: "hcloud:index/sshKey:SshKey",
    style: "framework",
    autoname: true,
    properties: {
      name: { kind: "string" },
      publicKey: { kind: "string", required: true, replace: true, terraform: "public_key" },
      labels: { kind: "map" },
      fingerprint: { kind: "string", output: true },
    },
    async create(call, inputs) {
      const body = { name: inputs["name"], public_key: inputs["publicKey"], labels: inputs["labels"] ?? {} };
      const made = await inFrameworkWords(() => clientOf(call).call("POST", "/ssh_keys", body));
      const state = sshKeyState(bagOf(made["ssh_key"]));
      return { id: String(state["id"]), state };
    },
    async read(call, id) {
      const key = await find(clientOf(call), `/ssh_keys/${id}`, "ssh_key");
      return key && sshKeyState(key);
    },
    async update(call, id, _state, inputs, changed) {
      const body = omitEmpty({ name: changed.includes("name") ? inputs["name"] : undefined });
      if (changed.includes("labels")) body["labels"] = inputs["labels"] ?? {};
      const answer = await inFrameworkWords(() => clientOf(call).call("PUT", `/ssh_keys/${id}`, body));
      return sshKeyState(bagOf(answer["ssh_key"]));
    },
    delete: (call, id) => ignoreNotFound(() => clientOf(call).call("DELETE", `/ssh_keys/${id}`)),
  };
}

function sshKeyState(key: Bag): Bag {
  return {
    id: String(key["id"]),
    name: key["name"],
    publicKey: key["public_key"],
    fingerprint: key["fingerprint"],
    labels: bagOf(key["labels"]),
  };
}

export function serverNetworkResource(clientOf: ClientOf): ResourceDefinition {
  return {
    token: "hcloud:index/serverNetwork:ServerNetwork",
    style: "framework",
    properties: {
      serverId: { kind: "number", required: true, replace: true, terraform: "server_id" },
      networkId: { kind: "number", replace: true, computed: true },
      subnetId: { kind: "string", replace: true },
      ip: { kind: "string", replace: true, computed: true },
      aliasIps: { kind: "set" },
      macAddress: { kind: "string", output: true },
    },
    async create(call, inputs) {
      const client = clientOf(call);
      const network = networkOf(inputs);
      const server = String(inputs["serverId"]);
      const body = omitEmpty({
        network: Number(network),
        ip: inputs["ip"],
        alias_ips: inputs["aliasIps"],
        ip_range: rangeOf(inputs),
      });
      await inFrameworkWords(async () => {
        try {
          const answer = await retryOn(
            client,
            ["conflict", "locked", "service_error", "no_subnet_available"],
            5,
            () => client.call("POST", `/servers/${server}/actions/attach_to_network`, body),
          );
          await client.waitFor([answer["action"]]);
        } catch (error) {
          if (!hasCode(error, "server_already_attached")) throw error;
        }
      });
      const id = `${server}-${network}`;
      const state = await readServerNetwork(client, id, inputs);
      if (!state)
        throw new Error(`creating ${call.urn}: server ${server} is not attached to network ${network}`);
      return { id, state };
    },
    read: (call, id, state) => readServerNetwork(clientOf(call), id, state),
    async update(call, id, state, inputs) {
      const [server, network] = id.split("-");
      const body = { network: Number(network), alias_ips: listIn(inputs, "aliasIps") };
      const client = clientOf(call);
      const answer = await client.call("POST", `/servers/${server}/actions/change_alias_ips`, body);
      await client.waitFor([answer["action"]]);
      return (await readServerNetwork(client, id, inputs)) ?? state;
    },
    async delete(call, id) {
      const client = clientOf(call);
      const [server, network] = id.split("-");
      await ignoreNotFound(async () => {
        const answer = await retryOn(client, ["conflict", "locked", "service_error"], 5, () =>
          client.call("POST", `/servers/${server}/actions/detach_from_network`, { network: Number(network) }),
        );
        await client.waitFor([answer["action"]]);
      });
    },
  };
}

function networkOf(inputs: Bag): string {
  const subnet = inputs["subnetId"];
  return typeof subnet === "string" ? (subnet.split("-")[0] ?? "") : String(inputs["networkId"]);
}

function rangeOf(inputs: Bag): string | undefined {
  const subnet = inputs["subnetId"];
  return typeof subnet === "string" ? subnet.slice(subnet.indexOf("-") + 1) : undefined;
}

async function readServerNetwork(client: HcloudClient, id: string, known: Bag): Promise<Bag | undefined> {
  const [server = "", network = ""] = id.split("-");
  const found = await find(client, `/servers/${server}`, "server");
  const attached = listIn(found ?? {}, "private_net")
    .map(bagOf)
    .find((one) => String(one["network"]) === network);
  if (!attached) return undefined;
  return {
    id,
    serverId: Number(server),
    networkId: Number(network),
    subnetId: known["subnetId"] ?? null,
    ip: attached["ip"],
    aliasIps: listIn(attached, "alias_ips"),
    macAddress: attached["mac_address"],
  };
}

async function ignoreNotFound(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** How the framework half words an API error. */
async function inFrameworkWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HcloudError)) throw error;
    const intro = "API request failed: An unexpected error was encountered during an API request.";
    throw new Error(
      `${intro}\n\n${error.message}\n\nError code: ${error.code}\nStatus code: ${error.status}\n`,
      { cause: error },
    );
  }
}
