/** hcloud_firewall, with the official provider's traps: emptied rules send nothing, deleting a vanished one kills the process. */
import type { ResourceDefinition } from "../bridge/definition.ts";
import type { Field } from "../bridge/fields.ts";
import { ProcessDeath } from "../bridge/plugin.ts";
import { inSetOrder } from "../bridge/set-order.ts";
import { bagOf, isAbsent, listOf, type Bag } from "../bridge/values.ts";
import { omitEmpty } from "./bodies.ts";
import type { HcloudClient } from "./client.ts";
import { ignoreNotFound } from "./errors.ts";
import { labelsField } from "./labels.ts";

const deleteTries = 10;

const rulesField: Field = {
  type: "set",
  terraform: "rule",
  from: (seen) => listOf(seen["rules"]).map(toStateRule),
  fields: {
    direction: { type: "string", required: true, refuse: oneOf("direction", "in", "out") },
    protocol: {
      type: "string",
      required: true,
      refuse: oneOf("protocol", "icmp", "tcp", "udp", "esp", "gre"),
    },
    port: { type: "string" },
    sourceIps: { type: "set" },
    destinationIps: { type: "set" },
    description: { type: "string" },
  },
};

const applyTosField: Field = {
  type: "set",
  terraform: "apply_to",
  computed: true,
  from: (seen) => listOf(seen["applied_to"]).map(toStateResource),
  fields: { labelSelector: { type: "string", computed: true }, server: { type: "integer", computed: true } },
};

export const firewall: ResourceDefinition<HcloudClient> = {
  token: "hcloud:index/firewall:Firewall",
  style: "sdkv2",
  autoname: true,
  fields: {
    name: { type: "string", required: true, from: "name" },
    labels: { ...labelsField, computed: true },
    rules: rulesField,
    applyTos: applyTosField,
  },
  async create({ client, made }, wanted) {
    const body = omitEmpty({
      name: wanted["name"],
      labels: wanted["labels"],
      rules: apiRules(wanted),
      apply_to: inSetOrder(applyTosField, wanted["applyTos"]).map(toApiResource),
    });
    const answer = await client.call("POST", "/firewalls", body);
    // The id is kept only after the wait: an action that fails leaks the firewall.
    await client.waitFor(...listOf(answer["actions"]));
    const id = String(bagOf(answer["firewall"])["id"]);
    made(id);
    const seen = await client.find(`/firewalls/${id}`, "firewall");
    if (!seen) throw new Error(`firewall ${id} not found`);
    return { id, seen };
  },
  read: ({ client }, id) => client.find(`/firewalls/${id}`, "firewall"),
  async update({ client }, { id, state, wanted, changed }) {
    if (!(await client.find(`/firewalls/${id}`, "firewall"))) return undefined;
    if (changed.has("name")) await client.call("PUT", `/firewalls/${id}`, { name: wanted["name"] });
    const rules = apiRules(wanted);
    if (changed.has("rules") && rules.length > 0) await act(client, id, "set_rules", { rules });
    if (changed.has("labels")) {
      await client.call("PUT", `/firewalls/${id}`, { labels: bagOf(wanted["labels"]) });
    }
    if (changed.has("applyTos")) await changeResources(client, id, state, wanted);
    const seen = await client.find(`/firewalls/${id}`, "firewall");
    // It believes what it was told about emptied rules until the next refresh.
    return seen && changed.has("rules") && rules.length === 0 ? { ...seen, rules: [] } : seen;
  },
  async delete({ client }, id) {
    const seen = await client.find(`/firewalls/${id}`, "firewall");
    if (!seen) throw new ProcessDeath("nil pointer dereference");
    const applied = listOf(seen["applied_to"]).map((one) => toApiResource(toStateResource(one)));
    if (applied.length > 0) await act(client, id, "remove_from_resources", { remove_from: applied });
    await client.retryOn(["conflict", "resource_in_use"], deleteTries, () =>
      ignoreNotFound(() => client.call("DELETE", `/firewalls/${id}`)),
    );
  },
};

async function act(client: HcloudClient, id: string, action: string, body: Bag): Promise<void> {
  const answer = await client.call("POST", `/firewalls/${id}/actions/${action}`, body);
  await client.waitFor(...listOf(answer["actions"]));
}

async function changeResources(client: HcloudClient, id: string, state: Bag, wanted: Bag): Promise<void> {
  const text = (one: unknown) => JSON.stringify(toApiResource(one));
  const old = listOf(state["applyTos"]);
  const next = inSetOrder(applyTosField, wanted["applyTos"]);
  const gone = old.filter((one) => !next.some((other) => text(other) === text(one)));
  const added = next.filter((one) => !old.some((other) => text(other) === text(one)));
  if (gone.length > 0) {
    await act(client, id, "remove_from_resources", { remove_from: gone.map(toApiResource) });
  }
  if (added.length > 0) {
    await act(client, id, "apply_to_resources", { apply_to: added.map(toApiResource) });
  }
}

function oneOf(name: string, ...values: string[]): (value: unknown) => string | undefined {
  return (value) => (values.includes(String(value)) ? undefined : `${String(value)} is not a valid ${name}`);
}

function apiRules(wanted: Bag): Bag[] {
  return inSetOrder(rulesField, wanted["rules"]).map((one) => {
    const { direction, protocol, port, sourceIps, destinationIps, description } = bagOf(one);
    return omitEmpty({
      direction,
      source_ips: inSetOrder({ type: "set" }, sourceIps),
      destination_ips: inSetOrder({ type: "set" }, destinationIps),
      protocol,
      port,
      description,
    });
  });
}

function toStateRule(one: unknown): Bag {
  const rule = bagOf(one);
  return {
    description: rule["description"] ?? "",
    destinationIps: listOf(rule["destination_ips"]),
    direction: rule["direction"],
    port: rule["port"] ?? "",
    protocol: rule["protocol"],
    sourceIps: listOf(rule["source_ips"]),
  };
}

function toApiResource(one: unknown): Bag {
  const { labelSelector, server } = bagOf(one);
  return isAbsent(server) || server === 0
    ? { type: "label_selector", label_selector: { selector: labelSelector } }
    : { type: "server", server: { id: server } };
}

function toStateResource(one: unknown): Bag {
  const { type, server, label_selector: selector } = bagOf(one);
  return type === "server"
    ? { labelSelector: "", server: bagOf(server)["id"] }
    : { labelSelector: bagOf(selector)["selector"], server: 0 };
}
