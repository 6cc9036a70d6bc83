/**
 * The lab's networks: the internet as far as it exists, and a Hetzner network. Both are bridges; every machine has a
 * network namespace of its own for each boot, so that it finds its interfaces as new as on a real one.
 */
import { mustRun } from "./commands.ts";

/** Addresses of the documentation ranges (RFC 5737), and one of Cloudflare's for the edge. */
export const addresses = {
  /** Public IPv4 addresses of servers. */
  servers: "198.51.100.0/24",
  router: "198.51.100.254",
  names: "192.0.2.53",
  mirror: "192.0.2.80",
  /** One of the provider's own: the gateway refuses providers at special-use addresses. */
  models: "160.79.104.10",
  telegram: "149.154.167.220",
  /** Somebody on the internet. */
  stranger: "203.0.113.66",
  /** Cloudflare's side of the origin pulls; in one of the ranges that the simulated API tells. */
  edge: "173.245.48.10",
  /** Hetzner's side of the private network. */
  privateRouter: "10.0.0.1",
  /** Another server of the same cell. */
  neighbour: "10.0.0.77",
  /** Where the worker runs: the lab's host itself. */
  backend: "10.0.0.2",
  privateNetwork: "10.0.0.0/16",
} as const;

const publicBridge = "internet";
const privateBridge = "private";

export async function createNetworks(): Promise<void> {
  for (const bridge of [publicBridge, privateBridge]) {
    await mustRun("ip", "link", "add", bridge, "type", "bridge");
    await mustRun("ip", "link", "set", bridge, "up");
  }
  await mustRun("ip", "address", "add", `${addresses.router}/24`, "dev", publicBridge);
  for (const name of ["names", "mirror", "models", "telegram", "stranger", "edge", "neighbour"] as const) {
    await mustRun("ip", "address", "add", `${addresses[name]}/32`, "dev", "lo");
  }
  // The first address of a range is the one that the worker speaks from.
  await mustRun("ip", "address", "add", `${addresses.backend}/16`, "dev", privateBridge);
  await mustRun("ip", "address", "add", `${addresses.privateRouter}/16`, "dev", privateBridge);
  // Members of a Hetzner network reach each other by way of its router.
  await mustRun(
    "sysctl",
    "-q",
    "-w",
    "net.ipv4.ip_forward=1",
    `net.ipv4.conf.${privateBridge}.send_redirects=0`,
  );
}

/** Where `ip` keeps what a namespace is called. */
export function namespacePath(machine: number): string {
  return `/run/netns/${namespaceName(machine)}`;
}

/** A namespace with the public interface `eth0`, as a server has it before its first packet. */
export async function plugPublic(machine: number): Promise<void> {
  await unplug(machine);
  await mustRun("ip", "netns", "add", namespaceName(machine));
  await plug(machine, { host: `pub${machine}`, inside: "eth0", bridge: publicBridge });
}

/** Hetzner's images bring a private interface up by themselves (hc-utils); here it comes with its address. */
export async function plugPrivate(machine: number, ip: string): Promise<void> {
  await plug(machine, { host: `prv${machine}`, inside: "enp7s0", bridge: privateBridge });
  const inside = ["-n", namespaceName(machine)];
  await mustRun("ip", ...inside, "address", "add", `${ip}/32`, "dev", "enp7s0");
  await mustRun("ip", ...inside, "link", "set", "enp7s0", "up");
  await mustRun("ip", ...inside, "route", "add", addresses.privateRouter, "dev", "enp7s0");
  await mustRun("ip", ...inside, "route", "add", addresses.privateNetwork, "via", addresses.privateRouter);
}

export async function unplugPrivate(machine: number): Promise<void> {
  await mustRun("ip", "link", "delete", `prv${machine}`).catch(() => undefined);
}

/** With the namespace the interfaces go. */
export async function unplug(machine: number): Promise<void> {
  await mustRun("ip", "netns", "delete", namespaceName(machine)).catch(() => undefined);
  for (const host of [`pub${machine}`, `prv${machine}`]) {
    await mustRun("ip", "link", "delete", host).catch(() => undefined);
  }
}

function namespaceName(machine: number): string {
  return `m${machine}`;
}

async function plug(
  machine: number,
  { host, inside, bridge }: { host: string; inside: string; bridge: string },
): Promise<void> {
  const peer = ["peer", "name", inside, "netns", namespaceName(machine)];
  await mustRun("ip", "link", "add", host, "type", "veth", ...peer);
  await mustRun("ip", "link", "set", host, "master", bridge, "up");
}
