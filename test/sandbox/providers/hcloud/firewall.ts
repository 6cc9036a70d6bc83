/** hcloud_firewall, with the official provider's traps: emptied rules send nothing, deleting a vanished one kills the process. */
import { ProcessDeath, type ResourceDefinition } from "../bridge/definition.ts";
import type { Bag } from "../bridge/values.ts";
import { isNotFound, retryOn, type HcloudClient } from "./client.ts";
import { bagOf, find, listIn, omitEmpty, type ClientOf } from "./common.ts";
import { badLabels } from "./labels.ts";

export function firewallResource(clientOf: ClientOf): ResourceDefinition {
  return {
    token: "hcloud:index/firewall:Firewall",
    style: "sdkv2",
    autoname: true,
    properties: {
      name: { kind: "string" },
      labels: { kind: "map" },
      rules: { kind: "set", block: true },
      applyTos: { kind: "set", block: true, computed: true },
    },
    check: (inputs) => badLabels(inputs["labels"]),
    async create(call, inputs) {
      const client = clientOf(call);
      const body = omitEmpty({
        name: inputs["name"],
        labels: inputs["labels"],
        rules: listIn(inputs, "rules").map(toApiRule),
        apply_to: listIn(inputs, "applyTos").map(toApiResource),
      });
      const made = await client.call("POST", "/firewalls", body);
      await client.waitFor(listIn(made, "actions"));
      const id = String(bagOf(made["firewall"])["id"]);
      const firewall = await find(client, `/firewalls/${id}`, "firewall");
      if (!firewall) throw new Error(`creating ${call.urn}: firewall ${id} not found`);
      return { id, state: toState(firewall) };
    },
    async read(call, id) {
      const firewall = await find(clientOf(call), `/firewalls/${id}`, "firewall");
      return firewall && toState(firewall);
    },
    async update(call, id, _state, inputs, changed) {
      const client = clientOf(call);
      if (changed.includes("name")) await client.call("PUT", `/firewalls/${id}`, { name: inputs["name"] });
      const rules = listIn(inputs, "rules");
      if (changed.includes("rules") && rules.length > 0) {
        const answer = await client.call("POST", `/firewalls/${id}/actions/set_rules`, {
          rules: rules.map(toApiRule),
        });
        await client.waitFor(listIn(answer, "actions"));
      }
      if (changed.includes("labels"))
        await client.call("PUT", `/firewalls/${id}`, { labels: inputs["labels"] ?? {} });
      const firewall = await find(client, `/firewalls/${id}`, "firewall");
      if (!firewall) throw new Error(`updating ${call.urn}: firewall ${id} not found`);
      // The official one believes what it was told of emptied rules until the next refresh.
      return rules.length === 0 && changed.includes("rules")
        ? { ...toState(firewall), rules: [] }
        : toState(firewall);
    },
    delete: (call, id) => deleteFirewall(clientOf(call), id),
  };
}

async function deleteFirewall(client: HcloudClient, id: string): Promise<void> {
  const firewall = await find(client, `/firewalls/${id}`, "firewall");
  if (!firewall) throw new ProcessDeath("nil pointer dereference");
  const applied = listIn(firewall, "applied_to").map((one) => {
    const { type, server, label_selector: selector } = bagOf(one);
    return type === "server"
      ? { type, server: { id: bagOf(server)["id"] } }
      : { type, label_selector: selector };
  });
  if (applied.length > 0) {
    const answer = await client.call("POST", `/firewalls/${id}/actions/remove_from_resources`, {
      remove_from: applied,
    });
    await client.waitFor(listIn(answer, "actions"));
  }
  await retryOn(client, ["conflict", "resource_in_use"], 10, async () => {
    await client.call("DELETE", `/firewalls/${id}`).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  });
}

function toApiRule(rule: unknown): Bag {
  const { direction, protocol, port, sourceIps, destinationIps, description } = bagOf(rule);
  return omitEmpty({
    direction,
    source_ips: sourceIps,
    destination_ips: destinationIps,
    protocol,
    port,
    description,
  });
}

function toApiResource(one: unknown): Bag {
  const { labelSelector, server } = bagOf(one);
  if (server !== undefined) return { type: "server", server: { id: server } };
  return { type: "label_selector", label_selector: { selector: labelSelector } };
}

function toState(firewall: Bag): Bag {
  return {
    id: String(firewall["id"]),
    name: firewall["name"],
    labels: bagOf(firewall["labels"]),
    rules: listIn(firewall, "rules").map((one) => {
      const rule = bagOf(one);
      return {
        description: rule["description"] ?? "",
        destinationIps: listIn(rule, "destination_ips"),
        direction: rule["direction"],
        ...(rule["port"] === undefined || rule["port"] === null ? {} : { port: rule["port"] }),
        protocol: rule["protocol"],
        sourceIps: listIn(rule, "source_ips"),
      };
    }),
    applyTos: listIn(firewall, "applied_to").map((one) => {
      const { server, label_selector: selector } = bagOf(one);
      return server === undefined || server === null
        ? { labelSelector: bagOf(selector)["selector"], server: 0 }
        : { labelSelector: "", server: bagOf(server)["id"] };
    }),
  };
}
