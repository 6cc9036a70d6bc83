/** Stand-in for pulumi-resource-cloudflare: DNS records, origin certificates, zone lookup, Cloudflare's ranges. */
import type {
  Call,
  FunctionDefinition,
  ProviderDefinition,
  ResourceDefinition,
} from "../bridge/definition.ts";
import { isBag, type Bag } from "../bridge/values.ts";
import { CloudflareError, createCloudflareClient, type CloudflareClient } from "./client.ts";

export type CloudflareSettings = { baseUrl: string; timeScale: number };
type ClientOf = (call: Call) => CloudflareClient;

export function cloudflareProvider(settings: CloudflareSettings): ProviderDefinition {
  const clientOf: ClientOf = ({ session }) => {
    const { apiToken, baseUrl } = session.config;
    return createCloudflareClient({
      baseUrl: (typeof baseUrl === "string" ? baseUrl : settings.baseUrl).replace(/\/$/, ""),
      token: typeof apiToken === "string" ? apiToken : "",
      timeScale: settings.timeScale,
    });
  };
  return {
    name: "cloudflare",
    version: "6.22.1",
    secretConfig: ["apiToken", "apiKey", "apiUserServiceKey"],
    resources: [dnsRecord(clientOf), originCaCertificate(clientOf)],
    functions: [getZone(clientOf), getIpRanges(clientOf)],
  };
}

const recordMembers = ["comment", "content", "name", "priority", "proxied", "ttl", "type"] as const;

function dnsRecord(clientOf: ClientOf): ResourceDefinition {
  return {
    token: "cloudflare:index/dnsRecord:DnsRecord",
    style: "framework",
    properties: {
      zoneId: { kind: "string", required: true, replace: true, terraform: "zone_id" },
      type: { kind: "string", required: true, replace: true },
      name: { kind: "string", required: true },
      ttl: { kind: "number", required: true },
      content: { kind: "string" },
      proxied: { kind: "boolean", default: false },
      comment: { kind: "string" },
      priority: { kind: "number" },
      tags: { kind: "set", computed: true },
      settings: { kind: "object", computed: true },
      data: { kind: "object" },
      createdOn: { kind: "string", output: true },
      modifiedOn: { kind: "string", output: true },
      commentModifiedOn: { kind: "string", output: true },
      tagsModifiedOn: { kind: "string", output: true },
      proxiable: { kind: "boolean", output: true },
      meta: { kind: "string", output: true },
    },
    check: ({ proxied, ttl }) =>
      proxied === true && typeof ttl === "number" && ttl !== 1
        ? ["Invalid Attribute Combination: ttl must be set to 1 when `proxied` is true"]
        : [],
    async create(call, inputs) {
      const body = pick(inputs, recordMembers);
      if (Array.isArray(inputs["tags"]) && inputs["tags"].length > 0) body["tags"] = inputs["tags"];
      const made = resultOf(await clientOf(call).call("POST", recordPath(inputs), body));
      return { id: String(made["id"]), state: recordState(made, inputs, String(inputs["name"])) };
    },
    async read(call, id, state) {
      const found = await orGone(() => clientOf(call).call("GET", recordPath(state, id)));
      return found && recordState(resultOf(found), state);
    },
    async update(call, id, state, inputs) {
      const body = {
        ...pick(inputs, recordMembers),
        comment: inputs["comment"] ?? "",
        settings: inputs["settings"] ?? {},
        tags: inputs["tags"] ?? [],
      };
      const path = recordPath({ ...state, ...inputs }, id);
      const updated = resultOf(await clientOf(call).call("PUT", path, body));
      return recordState(updated, { ...state, ...inputs }, String(inputs["name"]));
    },
    async delete(call, id, state) {
      await clientOf(call).call("DELETE", recordPath(state, id));
    },
  };
}

function recordPath(state: Bag, id = ""): string {
  return `/zones/${String(state["zoneId"])}/dns_records${id === "" ? "" : `/${id}`}`;
}

/** Until the first refresh the name is kept as it was given. */
function recordState(record: Bag, known: Bag, givenName?: string): Bag {
  return {
    id: record["id"],
    zoneId: known["zoneId"],
    name: givenName ?? record["name"],
    type: record["type"],
    ttl: record["ttl"],
    content: record["content"],
    proxied: record["proxied"] ?? false,
    comment: record["comment"] ?? null,
    priority: record["priority"] ?? null,
    tags: record["tags"] ?? [],
    settings: record["settings"] ?? {},
    data: known["data"] ?? null,
    createdOn: record["created_on"],
    modifiedOn: record["modified_on"],
    commentModifiedOn: record["comment_modified_on"] ?? null,
    tagsModifiedOn: record["tags_modified_on"] ?? null,
    proxiable: record["proxiable"] ?? true,
    meta: "{}",
  };
}

function originCaCertificate(clientOf: ClientOf): ResourceDefinition {
  return {
    token: "cloudflare:index/originCaCertificate:OriginCaCertificate",
    style: "framework",
    properties: {
      csr: { kind: "string", required: true, replace: true },
      hostnames: { kind: "set", required: true, replace: true },
      requestType: { kind: "string", required: true, replace: true, terraform: "request_type" },
      requestedValidity: { kind: "number", replace: true, default: 5475 },
      certificate: { kind: "string", output: true },
      expiresOn: { kind: "string", output: true },
    },
    async create(call, inputs) {
      const body = {
        csr: inputs["csr"],
        hostnames: inputs["hostnames"],
        request_type: inputs["requestType"],
        requested_validity: inputs["requestedValidity"] ?? 5475,
      };
      const made = resultOf(await clientOf(call).call("POST", "/certificates", body));
      return { id: String(made["id"]), state: certificateState(made, inputs) };
    },
    async read(call, id, state) {
      const found = await orGone(() => clientOf(call).call("GET", `/certificates/${id}`));
      return found && certificateState(resultOf(found), state);
    },
    update: async (_call, _id, state) => state,
    async delete(call, id) {
      await clientOf(call).call("DELETE", `/certificates/${id}`);
    },
  };
}

function certificateState(certificate: Bag, known: Bag): Bag {
  return {
    id: certificate["id"],
    csr: known["csr"],
    hostnames: known["hostnames"],
    requestType: known["requestType"],
    requestedValidity: known["requestedValidity"] ?? 5475,
    certificate: certificate["certificate"],
    expiresOn: certificate["expires_on"],
  };
}

function getZone(clientOf: ClientOf): FunctionDefinition {
  return {
    token: "cloudflare:index/getZone:getZone",
    async invoke(call, args) {
      const client = clientOf(call);
      const filter = isBag(args["filter"]) ? args["filter"] : {};
      const zone =
        typeof args["zoneId"] === "string"
          ? resultOf(await client.call("GET", `/zones/${args["zoneId"]}`))
          : await findZone(client, String(filter["name"]));
      return {
        id: zone["id"],
        zoneId: zone["id"],
        name: zone["name"],
        status: zone["status"],
        paused: zone["paused"],
        type: zone["type"],
        nameServers: zone["name_servers"] ?? [],
        account: zone["account"] ?? {},
        owner: zone["owner"] ?? {},
        plan: zone["plan"] ?? {},
        meta: {},
        permissions: zone["permissions"] ?? [],
      };
    },
  };
}

async function findZone(client: CloudflareClient, name: string): Promise<Bag> {
  const found = await client.call("GET", `/zones?name=${encodeURIComponent(name)}`);
  const zones = Array.isArray(found["result"]) ? found["result"] : [];
  if (zones.length !== 1 || !isBag(zones[0]))
    throw new Error(`found ${zones.length} zones named ${name}, exactly one is needed`);
  return zones[0];
}

function getIpRanges(clientOf: ClientOf): FunctionDefinition {
  return {
    token: "cloudflare:index/getIpRanges:getIpRanges",
    async invoke(call) {
      const ranges = resultOf(await clientOf(call).call("GET", "/ips"));
      return {
        id: "ip_ranges",
        etag: ranges["etag"],
        ipv4Cidrs: ranges["ipv4_cidrs"],
        ipv6Cidrs: ranges["ipv6_cidrs"],
        jdcloudCidrs: ranges["jdcloud_cidrs"] ?? [],
      };
    },
  };
}

function resultOf(envelope: Bag): Bag {
  return isBag(envelope["result"]) ? envelope["result"] : {};
}

async function orGone(work: () => Promise<Bag>): Promise<Bag | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CloudflareError && error.status === 404) return undefined;
    throw error;
  }
}

function pick(bag: Bag, names: readonly string[]): Bag {
  return Object.fromEntries(
    names.filter((name) => bag[name] !== undefined && bag[name] !== null).map((name) => [name, bag[name]]),
  );
}
