/** cloudflare_dns_record. An import's id is `<zone>/<record>`. */
import type { ResourceDefinition } from "../bridge/definition.ts";
import { bagOf, isAbsent, listOf, type Bag } from "../bridge/values.ts";
import type { CloudflareClient } from "./client.ts";

/** "Automatic", the only one that a proxied record may have. */
const automaticTtl = 1;

export const dnsRecord: ResourceDefinition<CloudflareClient> = {
  token: "cloudflare:index/dnsRecord:DnsRecord",
  style: "framework",
  fields: {
    zoneId: { type: "string", required: true, replace: true },
    type: { type: "string", required: true, replace: true, from: "type" },
    name: { type: "string", required: true, from: "name" },
    ttl: { type: "number", required: true, from: "ttl" },
    content: { type: "string", computed: true, from: "content" },
    proxied: { type: "boolean", default: false, from: (seen) => seen["proxied"] ?? false },
    comment: { type: "string", from: "comment" },
    priority: { type: "number", from: "priority" },
    tags: { type: "set", computed: true, from: (seen) => listOf(seen["tags"]) },
    settings: { type: "object", computed: true, from: (seen) => toSettings(bagOf(seen["settings"])) },
    data: { type: "object" },
    includeShadowMetadata: { type: "boolean", default: false },
    privateRouting: { type: "boolean", from: "private_routing" },
    createdOn: { type: "string", output: true, from: "created_on" },
    modifiedOn: { type: "string", output: true, volatile: true, from: "modified_on" },
    commentModifiedOn: { type: "string", output: true, volatile: true, from: "comment_modified_on" },
    tagsModifiedOn: { type: "string", output: true, volatile: true, from: "tags_modified_on" },
    proxiable: { type: "boolean", output: true, from: "proxiable" },
    meta: { type: "string", output: true, from: (seen) => JSON.stringify(seen["meta"] ?? {}) },
  },
  validate: ({ proxied, ttl }) =>
    proxied === true && typeof ttl === "number" && ttl !== automaticTtl
      ? [{ path: "ttl", reason: `ttl must be set to ${automaticTtl} when \`proxied\` is true` }]
      : [],
  parseImportId(id) {
    const [zoneId = "", record = ""] = id.split("/");
    return { id: record, state: { zoneId } };
  },
  async create({ client }, wanted) {
    const { tags, settings, ...rest } = toBody(wanted);
    const body = {
      ...rest,
      ...(listOf(tags).length > 0 ? { tags } : {}),
      ...(Object.keys(bagOf(settings)).length > 0 ? { settings } : {}),
    };
    const made = bagOf(await client.call("POST", pathOf(wanted), body));
    return { id: String(made["id"]), seen: asGiven(made, body) };
  },
  read: ({ client }, id, state) => client.find(pathOf(state, id)),
  /** The whole object, whatever changed. */
  async update({ client }, { id, wanted }) {
    const body = toBody(wanted);
    return asGiven(bagOf(await client.call("PUT", pathOf(wanted, id), body)), body);
  },
  async delete({ client }, id, state) {
    await client.call("DELETE", pathOf(state, id));
  },
};

function pathOf(state: Bag, id?: string): string {
  return `/zones/${String(state["zoneId"])}/dns_records${id === undefined ? "" : `/${id}`}`;
}

function toBody(wanted: Bag): Bag {
  const { flattenCname, ipv4Only, ipv6Only } = bagOf(wanted["settings"]);
  return {
    ...given({
      comment: wanted["comment"],
      content: wanted["content"],
      name: wanted["name"],
      priority: wanted["priority"],
      private_routing: wanted["privateRouting"],
      proxied: wanted["proxied"],
    }),
    settings: given({ flatten_cname: flattenCname, ipv4_only: ipv4Only, ipv6_only: ipv6Only }),
    tags: listOf(wanted["tags"]),
    ttl: wanted["ttl"],
    type: wanted["type"],
  };
}

function toSettings(settings: Bag): Bag {
  return given({
    flattenCname: settings["flatten_cname"],
    ipv4Only: settings["ipv4_only"],
    ipv6Only: settings["ipv6_only"],
  });
}

function given(bag: Bag): Bag {
  return Object.fromEntries(Object.entries(bag).filter(([, value]) => !isAbsent(value)));
}

/** Until the first refresh the state keeps what was given, e.g. a name without its zone. */
function asGiven(answer: Bag, body: Bag): Bag {
  return { ...answer, ...body };
}
