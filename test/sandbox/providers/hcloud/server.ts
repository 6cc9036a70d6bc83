/** hcloud_server, as the SDKv2 half of the official provider does it. */
import { setTimeout as sleep } from "node:timers/promises";
import { HalfMade, type Call, type ResourceDefinition } from "../bridge/definition.ts";
import { isBag, type Bag } from "../bridge/values.ts";
import type { HcloudClient } from "./client.ts";
import { bagOf, find, listIn, omitEmpty, type ClientOf } from "./common.ts";
import { badLabels } from "./labels.ts";
import { halfState, hashUserData, toState } from "./server-state.ts";

export function serverResource(clientOf: ClientOf): ResourceDefinition {
  return {
    token: "hcloud:index/server:Server",
    style: "sdkv2",
    autoname: true,
    properties: {
      name: { kind: "string" },
      serverType: { kind: "string", required: true, terraform: "server_type" },
      image: { kind: "string", replace: true },
      location: { kind: "string", replace: true, computed: true },
      datacenter: { kind: "string", replace: true, computed: true },
      userData: { kind: "string", replace: true, toState: hashUserData },
      sshKeys: { kind: "list", replace: true },
      labels: { kind: "map" },
      firewallIds: { kind: "set", computed: true },
      placementGroupId: { kind: "number" },
      backups: { kind: "boolean", default: false },
      keepDisk: { kind: "boolean", default: false },
      deleteProtection: { kind: "boolean", default: false },
      rebuildProtection: { kind: "boolean", default: false },
      shutdownBeforeDeletion: { kind: "boolean", default: false },
      ignoreRemoteFirewallIds: { kind: "boolean", default: false },
      allowDeprecatedImages: { kind: "boolean" },
      iso: { kind: "string" },
      rescue: { kind: "string" },
      networks: { kind: "set", block: true },
      publicNets: { kind: "set", block: true },
      backupWindow: { kind: "string", output: true },
      ipv4Address: { kind: "string", output: true },
      ipv6Address: { kind: "string", output: true },
      ipv6Network: { kind: "string", output: true },
      primaryDiskSize: { kind: "number", output: true },
      status: { kind: "string", output: true },
    },
    check: (inputs) => badLabels(inputs["labels"]),
    async create(call, inputs) {
      const client = clientOf(call);
      const body = await createBody(client, inputs);
      const made = await client.call("POST", "/servers", body).catch((error: unknown) => {
        throw new Error(`1 error occurred:\n\t* ${messageOf(error)}\n\n`);
      });
      const id = String(bagOf(made["server"])["id"]);
      try {
        await client.waitFor([made["action"]]);
        await client.waitFor(listIn(made, "next_actions"));
        await finishCreate(client, id, inputs);
      } catch (error) {
        throw new HalfMade(
          id,
          halfState(id, inputs),
          `creating ${call.urn}: 1 error occurred:\n\t* ${messageOf(error)}\n\n`,
        );
      }
      const server = await find(client, `/servers/${id}`, "server");
      if (!server)
        throw new HalfMade(id, halfState(id, inputs), `creating ${call.urn}: server ${id} not found`);
      return { id, state: toState(server, inputs) };
    },
    async read(call, id, state) {
      const server = await findServer(clientOf(call), id);
      return server && toState(server, state);
    },
    async update(call, id, state, inputs, changed) {
      const client = clientOf(call);
      const server = await find(client, `/servers/${id}`, "server");
      if (!server) throw new Error(`updating ${call.urn}: server ${id} not found`);
      await updateServer(client, id, server, state, inputs, changed).catch((error: unknown) => {
        throw new Error(`updating ${call.urn}: 1 error occurred:\n\t* ${messageOf(error)}\n\n`);
      });
      const after = await find(client, `/servers/${id}`, "server");
      return toState(after ?? server, { ...state, ...inputs });
    },
    delete: (call, id, state) => deleteServer(clientOf(call), call, id, state),
  };
}

async function createBody(client: HcloudClient, inputs: Bag): Promise<Bag> {
  const type = String(inputs["serverType"]);
  const types = await client.call("GET", `/server_types?name=${encodeURIComponent(type)}`);
  const found = bagOf(listIn(types, "server_types")[0]);
  if (found["id"] === undefined) throw new Error(`1 error occurred:\n\t* server type ${type} not found\n\n`);
  const image = await findImage(client, String(inputs["image"]), String(found["architecture"]));
  const keys: unknown[] = [];
  for (const key of listIn(inputs, "sshKeys")) {
    const sshKey = await find(client, `/ssh_keys/${String(key)}`, "ssh_key");
    if (!sshKey) throw new Error(`1 error occurred:\n\t* SSH key ${String(key)} not found\n\n`);
    keys.push(sshKey["id"]);
  }
  const net = bagOf(listIn(inputs, "publicNets")[0]);
  return omitEmpty({
    name: inputs["name"],
    server_type: type,
    image,
    ssh_keys: keys,
    location: inputs["location"],
    user_data: inputs["userData"],
    labels: inputs["labels"],
    firewalls: listIn(inputs, "firewallIds").map((firewall) => ({ firewall })),
    placement_group: inputs["placementGroupId"],
    public_net: omitEmpty({
      enable_ipv4: net["ipv4Enabled"] ?? true,
      enable_ipv6: net["ipv6Enabled"] ?? true,
      ipv4: net["ipv4"],
      ipv6: net["ipv6"],
    }),
  });
}

async function findImage(client: HcloudClient, image: string, architecture: string): Promise<unknown> {
  if (/^\d+$/.test(image)) {
    const byId = await find(client, `/images/${image}`, "image");
    if (byId) return byId["id"];
  }
  const query = `architecture=${architecture}&include_deprecated=true&name=${encodeURIComponent(image)}`;
  const named = bagOf(listIn(await client.call("GET", `/images?${query}`), "images")[0]);
  if (named["id"] === undefined)
    throw new Error(`1 error occurred:\n\t* image ${image} for architecture ${architecture} not found\n\n`);
  return named["id"];
}

async function finishCreate(client: HcloudClient, id: string, inputs: Bag): Promise<void> {
  for (const network of listIn(inputs, "networks"))
    await act(client, id, "attach_to_network", attachBody(bagOf(network)));
  if (inputs["backups"] === true) await act(client, id, "enable_backup");
  if (inputs["deleteProtection"] === true || inputs["rebuildProtection"] === true) {
    await act(client, id, "change_protection", protectionBody(inputs));
  }
}

function attachBody(network: Bag): Bag {
  return omitEmpty({ network: network["networkId"], ip: network["ip"], alias_ips: network["aliasIps"] });
}

function protectionBody(inputs: Bag): Bag {
  return { delete: inputs["deleteProtection"] === true, rebuild: inputs["rebuildProtection"] === true };
}

async function act(client: HcloudClient, id: string, action: string, body?: unknown): Promise<void> {
  const answer = await client.call("POST", `/servers/${id}/actions/${action}`, body);
  await client.waitFor([answer["action"]]);
}

type Step = (
  client: HcloudClient,
  id: string,
  context: { server: Bag; state: Bag; inputs: Bag },
) => Promise<void>;

/** In the official order; one request a property. */
const updateSteps: readonly [property: string, step: Step][] = [
  [
    "name",
    async (client, id, { inputs }) =>
      void (await client.call("PUT", `/servers/${id}`, { name: inputs["name"] })),
  ],
  [
    "labels",
    async (client, id, { inputs }) =>
      void (await client.call("PUT", `/servers/${id}`, { labels: inputs["labels"] ?? {} })),
  ],
  ["serverType", changeType],
  [
    "backups",
    (client, id, { inputs }) =>
      act(client, id, inputs["backups"] === true ? "enable_backup" : "disable_backup"),
  ],
  ["firewallIds", changeFirewalls],
];

async function updateServer(
  client: HcloudClient,
  id: string,
  server: Bag,
  state: Bag,
  inputs: Bag,
  changed: readonly string[],
): Promise<void> {
  for (const [property, step] of updateSteps) {
    if (changed.includes(property)) await step(client, id, { server, state, inputs });
  }
  if (changed.includes("deleteProtection") || changed.includes("rebuildProtection")) {
    await act(client, id, "change_protection", protectionBody(inputs));
  }
}

async function changeType(
  client: HcloudClient,
  id: string,
  { server, inputs }: { server: Bag; inputs: Bag },
): Promise<void> {
  if (server["status"] === "running") await act(client, id, "poweroff");
  await act(client, id, "change_type", {
    server_type: inputs["serverType"],
    upgrade_disk: inputs["keepDisk"] !== true,
  });
}

async function changeFirewalls(
  client: HcloudClient,
  id: string,
  { state, inputs }: { state: Bag; inputs: Bag },
): Promise<void> {
  const old = listIn(state, "firewallIds").map(Number);
  const wanted = listIn(inputs, "firewallIds").map(Number);
  const resource = { type: "server", server: { id: Number(id) } };
  for (const firewall of old.filter((one) => !wanted.includes(one))) {
    const answer = await client.call("POST", `/firewalls/${firewall}/actions/remove_from_resources`, {
      remove_from: [resource],
    });
    await client.waitFor(listIn(answer, "actions"));
  }
  for (const firewall of wanted.filter((one) => !old.includes(one))) {
    const answer = await client.call("POST", `/firewalls/${firewall}/actions/apply_to_resources`, {
      apply_to: [resource],
    });
    await client.waitFor(listIn(answer, "actions"));
  }
}

async function deleteServer(client: HcloudClient, call: Call, id: string, state: Bag): Promise<void> {
  try {
    if (state["shutdownBeforeDeletion"] === true) await shutdown(client, id);
    const answer = await client.call("DELETE", `/servers/${id}`);
    await client.waitFor([answer["action"]]);
  } catch (error) {
    throw new Error(`deleting ${call.urn}: 1 error occurred:\n\t* ${messageOf(error)}\n\n`, { cause: error });
  }
}

async function shutdown(client: HcloudClient, id: string): Promise<void> {
  await client.call("POST", `/servers/${id}/actions/shutdown`);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    await sleep(1000 * 2 ** attempt * client.timeScale);
    const server = await find(client, `/servers/${id}`, "server");
    if (server?.["status"] === "off") return;
  }
}

/** A 404 by id is asked again by name, as hcloud-go's Get does. */
async function findServer(client: HcloudClient, id: string): Promise<Bag | undefined> {
  const byId = await find(client, `/servers/${id}`, "server");
  if (byId) return byId;
  const byName = listIn(await client.call("GET", `/servers?name=${encodeURIComponent(id)}`), "servers")[0];
  return isBag(byName) ? byName : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
