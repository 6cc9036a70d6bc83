/** Private addresses: which subnet, which address, who has it. */
import {
  containsAddress,
  containsCidr,
  formatIpv4,
  overlaps,
  parseCidr,
  parseIpv4,
  sizeOf,
} from "./addresses.ts";
import { ApiError, invalidField, limitExceeded } from "./errors.ts";
import { productLimits } from "./limits.ts";
import type { NetworkRow, ServerRow, Subnet } from "./model.ts";

/** Default gateway of the public interface of every server (official document, "IP address management"). */
const RESERVED = "172.31.1.1";

export type AddressWish = { ip?: string | undefined; aliasIps: string[]; ipRange?: string | undefined };
export type AddressChoice = { subnet: string; ip: string; aliasIps: string[] };

/** Checks everything that the API checks before it attaches; reserves nothing. */
export function chooseAddresses(network: NetworkRow, server: ServerRow, wish: AddressWish): AddressChoice {
  requireAttachable(network, server);
  const subnets = network.subnets.filter(
    (subnet) =>
      subnet.type !== "vswitch" &&
      subnet.zone === server.location.network_zone &&
      (wish.ipRange === undefined || subnet.ipRange === wish.ipRange),
  );
  if (subnets.length === 0) throw noSubnet();
  const { subnet, ip } =
    wish.ip === undefined ? firstFree(network, subnets) : given(network, subnets, wish.ip);
  const aliasIps = checkAliases(network, server.id, wish.aliasIps, ip);
  return { subnet: subnet.ipRange, ip, aliasIps };
}

function requireAttachable(network: NetworkRow, server: ServerRow): void {
  if (server.privateNets.has(network.id)) {
    throw new ApiError("server_already_attached", "server is already attached to the network");
  }
  if (server.privateNets.size >= productLimits.networksPerServer) {
    throw limitExceeded("server has the maximum number of networks", "networks_per_server_limit");
  }
  if (network.members.size >= productLimits.networkMembers) {
    throw limitExceeded("network has the maximum number of attached resources", "network_attachment_limit");
  }
  for (const other of server.privateNets.values()) {
    const [a, b] = [parseCidr(other.network.ipRange), parseCidr(network.ipRange)];
    if (a !== undefined && b !== undefined && overlaps(a, b)) {
      throw new ApiError("networks_overlap", "network IP range overlaps with a network of the server");
    }
  }
}

function noSubnet(): ApiError {
  return new ApiError(
    "no_subnet_available",
    "no subnet or IP is available for the server within the network",
  );
}

function firstFree(network: NetworkRow, subnets: Subnet[]): { subnet: Subnet; ip: string } {
  for (const subnet of subnets) {
    const cidr = parseCidr(subnet.ipRange);
    if (cidr === undefined) continue;
    for (let address = cidr.base + 1; address < cidr.base + sizeOf(cidr) - 1; address += 1) {
      const ip = formatIpv4(address);
      if (isFree(network, ip)) return { subnet, ip };
    }
  }
  throw noSubnet();
}

function given(network: NetworkRow, subnets: Subnet[], ip: string): { subnet: Subnet; ip: string } {
  const address = parseIpv4(ip);
  const range = parseCidr(network.ipRange);
  if (address === undefined) throw invalidField("ip", "is not an IPv4 address");
  if (range === undefined || !containsAddress(range, address)) {
    throw invalidField("ip", "is not within the IP range of the network");
  }
  const subnet = subnets.find((each) => isUsable(each, address));
  if (subnet === undefined) throw noSubnet();
  if (!isFree(network, ip)) throw new ApiError("ip_not_available", `IP ${ip} is not available`);
  return { subnet, ip };
}

/** Not its first address (the subnet itself) nor its last (broadcast). */
function isUsable(subnet: Subnet, address: number): boolean {
  const cidr = parseCidr(subnet.ipRange);
  return cidr !== undefined && address > cidr.base && address < cidr.base + sizeOf(cidr) - 1;
}

function isFree(network: NetworkRow, ip: string): boolean {
  return ip !== RESERVED && ip !== toGatewayAddress(network) && !network.addresses.has(ip);
}

function toGatewayAddress(network: NetworkRow): string {
  const cidr = parseCidr(network.ipRange);
  return cidr === undefined ? "" : formatIpv4(cidr.base + 1);
}

/** Aliases may lie in any subnet of the network; those that the server has already are free to it. */
export function checkAliases(
  network: NetworkRow,
  serverId: number,
  aliasIps: string[],
  ip: string,
): string[] {
  if (aliasIps.length > productLimits.aliasIps) throw invalidField("alias_ips", "has too many addresses");
  for (const [index, alias] of aliasIps.entries()) {
    const address = parseIpv4(alias);
    if (address === undefined) throw invalidField(`alias_ips.${index}`, "is not an IPv4 address");
    if (!network.subnets.some((subnet) => isUsable(subnet, address))) throw noSubnet();
    const taken = !isFree(network, alias) && network.addresses.get(alias) !== serverId;
    if (taken || alias === ip || aliasIps.indexOf(alias) !== index) {
      throw new ApiError("ip_not_available", `IP ${alias} is not available`);
    }
  }
  return aliasIps;
}

/** The first free /24 of the network, undefined when it has none. */
export function firstFreeRange(network: Pick<NetworkRow, "ipRange" | "subnets">): string | undefined {
  const range = parseCidr(network.ipRange);
  if (range === undefined) return undefined;
  const taken = network.subnets
    .map((subnet) => parseCidr(subnet.ipRange))
    .filter((cidr) => cidr !== undefined);
  for (let base = range.base; base < range.base + sizeOf(range); base += 256) {
    const cidr = { base, bits: 24 };
    if (!containsCidr(range, cidr)) return undefined;
    if (!taken.some((each) => overlaps(each, cidr))) return `${formatIpv4(base)}/24`;
  }
  return undefined;
}
