/** hcloud_ssh_key, of the framework half. */
import type { ResourceDefinition } from "../bridge/definition.ts";
import { bagOf, type Bag } from "../bridge/values.ts";
import type { HcloudClient } from "./client.ts";
import { ignoreNotFound } from "./errors.ts";
import { labelsField } from "./labels.ts";

export const sshKey: ResourceDefinition<HcloudClient> = {
  token: "hcloud:index/sshKey:SshKey",
  style: "framework",
  autoname: true,
  fields: {
    name: { type: "string", required: true, from: "name" },
    publicKey: { type: "string", required: true, replace: true, from: "public_key" },
    labels: { ...labelsField, default: {} },
    fingerprint: { type: "string", output: true, from: "fingerprint" },
  },
  async create({ client }, wanted) {
    const body = { name: wanted["name"], public_key: wanted["publicKey"], labels: wanted["labels"] };
    const seen = bagOf((await client.call("POST", "/ssh_keys", body))["ssh_key"]);
    return { id: String(seen["id"]), seen };
  },
  read: ({ client }, id) => client.find(`/ssh_keys/${id}`, "ssh_key"),
  async update({ client }, { id, wanted, changed }) {
    const body: Bag = {};
    if (changed.has("name")) body["name"] = wanted["name"];
    if (changed.has("labels")) body["labels"] = wanted["labels"];
    return bagOf((await client.call("PUT", `/ssh_keys/${id}`, body))["ssh_key"]);
  },
  delete: ({ client }, id) => ignoreNotFound(() => client.call("DELETE", `/ssh_keys/${id}`)),
};
