/** Look-ups: a zone by name or id, and the ranges that Cloudflare's proxies come from. */
import type { FunctionDefinition } from "../bridge/definition.ts";
import { bagOf, listOf, type Bag } from "../bridge/values.ts";
import type { CloudflareClient } from "./client.ts";

export const getZone: FunctionDefinition<CloudflareClient> = {
  token: "cloudflare:index/getZone:getZone",
  style: "framework",
  async invoke({ client }, args) {
    const { zoneId, filter } = args;
    const zone =
      typeof zoneId === "string"
        ? bagOf(await client.call("GET", `/zones/${zoneId}`))
        : await findZone(client, String(bagOf(filter)["name"]));
    return { ...toZone(zone), ...(filter === undefined ? {} : { filter }) };
  },
};

export const getIpRanges: FunctionDefinition<CloudflareClient> = {
  token: "cloudflare:index/getIpRanges:getIpRanges",
  style: "framework",
  async invoke({ client }, { networks }) {
    const query = typeof networks === "string" ? `?networks=${encodeURIComponent(networks)}` : "";
    const ranges = bagOf(await client.call("GET", `/ips${query}`));
    return {
      etag: ranges["etag"],
      ipv4Cidrs: listOf(ranges["ipv4_cidrs"]),
      ipv6Cidrs: listOf(ranges["ipv6_cidrs"]),
      jdcloudCidrs: listOf(ranges["jdcloud_cidrs"]),
      ...(typeof networks === "string" ? { networks } : {}),
    };
  },
};

async function findZone(client: CloudflareClient, name: string): Promise<Bag> {
  const zones = listOf(await client.call("GET", `/zones?name=${encodeURIComponent(name)}`));
  const [zone] = zones;
  if (zone === undefined) throw new Error("failed to find exactly one result: no result found");
  if (zones.length > 1) throw new Error("failed to find exactly one result: more than one result found");
  return bagOf(zone);
}

function toZone(zone: Bag): Bag {
  const account = bagOf(zone["account"]);
  const owner = bagOf(zone["owner"]);
  return {
    id: zone["id"],
    zoneId: zone["id"],
    name: zone["name"],
    status: zone["status"],
    paused: zone["paused"] ?? false,
    type: zone["type"],
    nameServers: listOf(zone["name_servers"]),
    vanityNameServers: listOf(zone["vanity_name_servers"]),
    originalNameServers: listOf(zone["original_name_servers"]),
    originalDnshost: zone["original_dnshost"],
    originalRegistrar: zone["original_registrar"],
    developmentMode: zone["development_mode"] ?? 0,
    createdOn: zone["created_on"],
    modifiedOn: zone["modified_on"],
    activatedOn: zone["activated_on"],
    permissions: listOf(zone["permissions"]),
    account: { id: account["id"], name: account["name"] },
    owner: { id: owner["id"], name: owner["name"], type: owner["type"] },
  };
}
