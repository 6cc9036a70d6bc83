/** Changes of a server: one request for each property, in the official order. */
import { bagOf, listOf, type Bag } from "../bridge/values.ts";
import type { HcloudClient } from "./client.ts";
import { act, attach, protect } from "./server-actions.ts";

export type ServerUpdate = {
  id: string;
  /** The server as the API shows it before the first change. */
  seen: Bag;
  state: Bag;
  wanted: Bag;
  changed: ReadonlySet<string>;
};

type Step = (client: HcloudClient, update: ServerUpdate) => Promise<unknown>;

const steps: readonly { properties: readonly string[]; run: Step }[] = [
  {
    properties: ["name"],
    run: (client, { id, wanted }) => client.call("PUT", `/servers/${id}`, { name: wanted["name"] }),
  },
  {
    properties: ["labels"],
    run: (client, { id, wanted }) =>
      client.call("PUT", `/servers/${id}`, { labels: bagOf(wanted["labels"]) }),
  },
  { properties: ["serverType"], run: changeType },
  {
    properties: ["backups"],
    run: (client, { id, wanted }) =>
      act(client, id, wanted["backups"] === true ? "enable_backup" : "disable_backup"),
  },
  { properties: ["networks"], run: changeNetworks },
  { properties: ["firewallIds"], run: changeFirewalls },
  { properties: ["placementGroupId"], run: changePlacementGroup },
  {
    properties: ["deleteProtection", "rebuildProtection"],
    run: (client, { id, wanted }) => protect(client, id, wanted),
  },
  { properties: ["publicNets", "iso", "rescue"], run: refuse },
];

export async function updateServer(client: HcloudClient, update: ServerUpdate): Promise<void> {
  for (const { properties, run } of steps) {
    if (properties.some((name) => update.changed.has(name))) await run(client, update);
  }
}

/** The API starts the server again by itself. */
async function changeType(client: HcloudClient, { id, seen, wanted }: ServerUpdate): Promise<void> {
  if (seen["status"] === "running") await act(client, id, "poweroff");
  await act(client, id, "change_type", {
    server_type: wanted["serverType"],
    upgrade_disk: wanted["keepDisk"] !== true,
  });
}

async function changeNetworks(client: HcloudClient, { id, seen, wanted }: ServerUpdate): Promise<void> {
  const missing = new Map(listOf(wanted["networks"]).map((one) => [bagOf(one)["networkId"], bagOf(one)]));
  for (const attached of listOf(seen["private_net"]).map(bagOf)) {
    const network = attached["network"];
    const target = missing.get(network);
    missing.delete(network);
    if (target && (target["ip"] ?? attached["ip"]) === attached["ip"]) {
      const aliasIps = listOf(target["aliasIps"]);
      if (String(aliasIps) !== String(attached["alias_ips"])) {
        await act(client, id, "change_alias_ips", { network, alias_ips: aliasIps });
      }
      continue;
    }
    await act(client, id, "detach_from_network", { network });
    if (target) await attach(client, id, target);
  }
  for (const target of missing.values()) await attach(client, id, target);
}

async function changeFirewalls(client: HcloudClient, { id, state, wanted }: ServerUpdate): Promise<void> {
  const old = listOf(state["firewallIds"]);
  const next = listOf(wanted["firewallIds"]);
  const resources = [{ type: "server", server: { id: Number(id) } }];
  const change = async (firewall: unknown, action: string, body: Bag) => {
    const answer = await client.call("POST", `/firewalls/${String(firewall)}/actions/${action}`, body);
    await client.waitFor(...listOf(answer["actions"]));
  };
  for (const gone of old.filter((one) => !next.includes(one))) {
    await change(gone, "remove_from_resources", { remove_from: resources });
  }
  for (const added of next.filter((one) => !old.includes(one))) {
    await change(added, "apply_to_resources", { apply_to: resources });
  }
}

async function changePlacementGroup(client: HcloudClient, { id, seen, wanted }: ServerUpdate): Promise<void> {
  if (seen["placement_group"]) {
    if (seen["status"] === "running") {
      throw new Error("removing a running server from a placement group is currently not supported");
    }
    await act(client, id, "remove_from_placement_group");
  }
  const group = wanted["placementGroupId"];
  if (typeof group === "number" && group !== 0) {
    await act(client, id, "add_to_placement_group", { placement_group: group });
  }
}

/** The official provider can; nothing here needs it, and doing half of it would lie. */
function refuse(): Promise<never> {
  throw new Error("the sandbox's provider changes no publicNets, iso or rescue of a server that stands");
}
