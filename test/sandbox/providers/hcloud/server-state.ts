/** What the state of a server holds, in the bridge's form. */
import { createHash } from "node:crypto";
import type { Bag } from "../bridge/values.ts";
import { bagOf, listIn } from "./common.ts";

const meta = '{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":5400000000000}}';

export function hashUserData(value: unknown): string {
  return createHash("sha1").update(String(value)).digest("base64");
}

export function toState(server: Bag, known: Bag): Bag {
  const net = bagOf(server["public_net"]);
  const ipv6 = bagOf(net["ipv6"])["ip"];
  const protection = bagOf(server["protection"]);
  return {
    ...halfState(String(server["id"]), known),
    name: server["name"],
    serverType: bagOf(server["server_type"])["name"],
    location: bagOf(server["location"])["name"],
    labels: bagOf(server["labels"]),
    firewallIds: listIn(net, "firewalls").map((firewall) => bagOf(firewall)["id"]),
    placementGroupId: bagOf(server["placement_group"])["id"] ?? 0,
    backups: typeof server["backup_window"] === "string" && server["backup_window"] !== "",
    backupWindow: server["backup_window"] ?? "",
    deleteProtection: protection["delete"] === true,
    rebuildProtection: protection["rebuild"] === true,
    ipv4Address: bagOf(net["ipv4"])["ip"] ?? "",
    ipv6Address: typeof ipv6 === "string" ? ipv6.replace(/\/\d+$/, "1") : "",
    ipv6Network: typeof ipv6 === "string" ? ipv6 : "",
    primaryDiskSize: server["primary_disk_size"],
    status: server["status"],
  };
}

/** Everything that is known before the first look at the server. */
export function halfState(id: string, known: Bag): Bag {
  const userData = known["userData"];
  return {
    __meta: meta,
    id,
    allowDeprecatedImages: known["allowDeprecatedImages"] ?? null,
    backupWindow: null,
    backups: known["backups"] ?? false,
    datacenter: null,
    deleteProtection: known["deleteProtection"] ?? false,
    firewallIds: known["firewallIds"] ?? [],
    ignoreRemoteFirewallIds: known["ignoreRemoteFirewallIds"] ?? false,
    image: known["image"] ?? null,
    ipv4Address: null,
    ipv6Address: null,
    ipv6Network: null,
    iso: known["iso"] ?? null,
    keepDisk: known["keepDisk"] ?? false,
    labels: known["labels"] ?? {},
    location: known["location"] ?? null,
    name: known["name"] ?? null,
    networks: known["networks"] ?? [],
    placementGroupId: known["placementGroupId"] ?? null,
    primaryDiskSize: null,
    publicNets: known["publicNets"] ?? [],
    rebuildProtection: known["rebuildProtection"] ?? false,
    rescue: known["rescue"] ?? null,
    serverType: known["serverType"] ?? null,
    shutdownBeforeDeletion: known["shutdownBeforeDeletion"] ?? false,
    sshKeys: known["sshKeys"] ?? null,
    status: null,
    // The text itself is an input only; a state that already holds the hash keeps it.
    userData:
      typeof userData !== "string" || (known["__meta"] === meta && isHash(userData))
        ? (userData ?? null)
        : hashUserData(userData),
  };
}

function isHash(text: string): boolean {
  return /^[A-Za-z0-9+/]{27}=$/.test(text);
}
