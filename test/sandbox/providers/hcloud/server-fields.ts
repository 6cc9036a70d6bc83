/** Properties of a server: what a change does, and where the API's object holds them. */
import { createHash } from "node:crypto";
import type { Fields } from "../bridge/fields.ts";
import { bagOf, isAbsent, listOf, type Bag } from "../bridge/values.ts";
import { labelsField } from "./labels.ts";

const flag = { type: "boolean", default: false } as const;

export const serverFields: Fields = {
  name: { type: "string", required: true, from: "name" },
  serverType: { type: "string", required: true, from: "server_type.name" },
  image: { type: "string", replace: true, computed: true, from: imageOf },
  location: { type: "string", replace: true, computed: true, from: "location.name" },
  /** Gone from the API; the property is left over. */
  datacenter: { type: "string", replace: true, computed: true, from: () => null },
  userData: { type: "string", replace: true, stateOf: hashUserData, sameAs: isSameHash },
  sshKeys: { type: "list", replace: true },
  labels: labelsField,
  firewallIds: {
    type: "set",
    items: "integer",
    computed: true,
    sameAs: (stored, wanted, inputs) =>
      inputs["ignoreRemoteFirewallIds"] === true && listOf(stored).length > 0 && listOf(wanted).length > 0,
    from: (seen) => listOf(publicNetOf(seen)["firewalls"]).map((firewall) => bagOf(firewall)["id"]),
  },
  placementGroupId: { type: "integer", from: (seen) => bagOf(seen["placement_group"])["id"] ?? 0 },
  backups: { ...flag, from: (seen) => !isAbsent(seen["backup_window"]) && seen["backup_window"] !== "" },
  keepDisk: flag,
  deleteProtection: { ...flag, from: "protection.delete" },
  rebuildProtection: { ...flag, from: "protection.rebuild" },
  shutdownBeforeDeletion: flag,
  ignoreRemoteFirewallIds: flag,
  allowDeprecatedImages: { type: "boolean" },
  iso: { type: "string" },
  rescue: { type: "string" },
  networks: {
    type: "set",
    terraform: "network",
    sticky: true,
    from: networksOf,
    fields: {
      networkId: { type: "integer", computed: true },
      subnetId: { type: "string" },
      ip: { type: "string", computed: true },
      aliasIps: { type: "set", computed: true },
      macAddress: { type: "string", output: true },
    },
  },
  publicNets: {
    type: "set",
    terraform: "public_net",
    sticky: true,
    fields: {
      ipv4Enabled: { type: "boolean", default: true },
      ipv6Enabled: { type: "boolean", default: true },
      ipv4: { type: "integer", computed: true },
      ipv6: { type: "integer", computed: true },
    },
  },
  backupWindow: { type: "string", output: true, from: (seen) => seen["backup_window"] ?? "" },
  ipv4Address: { type: "string", output: true, from: (seen) => bagOf(publicNetOf(seen)["ipv4"])["ip"] ?? "" },
  /** The first address of the server's network. */
  ipv6Address: { type: "string", output: true, from: (seen) => ipv6Of(seen).replace(/\/\d+$/, "1") },
  ipv6Network: { type: "string", output: true, from: ipv6Of },
  primaryDiskSize: { type: "integer", output: true, from: "primary_disk_size" },
  status: { type: "string", output: true, from: "status" },
};

export function hashUserData(text: string): string {
  return createHash("sha1").update(text).digest("base64");
}

function isSameHash(stored: unknown, wanted: unknown): boolean {
  return typeof stored === "string" && typeof wanted === "string" && stored.trim() === wanted.trim();
}

function publicNetOf(seen: Bag): Bag {
  return bagOf(seen["public_net"]);
}

function ipv6Of(seen: Bag): string {
  const { ip } = bagOf(publicNetOf(seen)["ipv6"]);
  return typeof ip === "string" ? ip : "";
}

/** A snapshot has no name. An image that is deleted since keeps what is known. */
function imageOf(seen: Bag, known: Bag): unknown {
  const { id, name } = bagOf(seen["image"]);
  if (typeof name === "string" && name !== "") return name;
  return typeof id === "number" ? String(id) : known["image"];
}

/** Networks show only when some were given here, so that `ServerNetwork` resources are no difference. */
function networksOf(seen: Bag, known: Bag): unknown {
  if (listOf(known["networks"]).length === 0) return known["networks"];
  return listOf(seen["private_net"])
    .map(bagOf)
    .map((net) => ({
      networkId: net["network"],
      subnetId: null,
      ip: net["ip"],
      aliasIps: listOf(net["alias_ips"]),
      macAddress: net["mac_address"],
    }));
}
