/** IPv4 and IPv6 arithmetic, and the pool of public addresses of the simulated cloud. */

import { isIPv6 } from "node:net";

export type Cidr = { base: number; bits: number };

const OCTET = /^(0|[1-9]\d{0,2})$/;

/** The address as a number, undefined when the text is no IPv4 address. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!OCTET.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** Undefined unless the text is `a.b.c.d/n` with all host bits zero. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", mask = "", ...rest] = text.split("/");
  const base = parseIpv4(address);
  if (base === undefined || rest.length > 0 || !/^\d{1,2}$/.test(mask) || Number(mask) > 32) return undefined;
  const cidr = { base, bits: Number(mask) };
  return base % sizeOf(cidr) === 0 ? cidr : undefined;
}

export function sizeOf(cidr: Cidr): number {
  return 2 ** (32 - cidr.bits);
}

export function containsAddress(cidr: Cidr, address: number): boolean {
  return address >= cidr.base && address < cidr.base + sizeOf(cidr);
}

export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return inner.bits >= outer.bits && containsAddress(outer, inner.base);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return containsCidr(a, b) || containsCidr(b, a);
}

const PRIVATE_RANGES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map((text) => parseCidr(text));

export function isPrivate(cidr: Cidr): boolean {
  return PRIVATE_RANGES.some((range) => range !== undefined && containsCidr(range, cidr));
}

/** What a firewall rule may name: an IPv4 or IPv6 network without host bits. */
export function isRuleAddress(text: string): boolean {
  return parseCidr(text) !== undefined || isIpv6Network(text);
}

const IPV6_CIDR = /^([0-9a-fA-F:]+)\/(\d{1,3})$/;

function isIpv6Network(text: string): boolean {
  const [, address = "", mask = ""] = IPV6_CIDR.exec(text) ?? [];
  const bits = Number(mask);
  if (!isIPv6(address) || bits > 128) return false;
  const [head = "", tail = ""] = address.split("::");
  const [left, right] = [toGroups(head), toGroups(tail)];
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => 0);
  const binary = [...left, ...zeros, ...right].map((group) => group.toString(2).padStart(16, "0")).join("");
  return !binary.slice(bits).includes("1");
}

function toGroups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

export type AddressPool = {
  /** A loopback address of this simulator's block that nobody has. Throws when the block is used up. */
  takeIpv4(): string;
  /** `2001:db8:x:y::/64`. */
  takeIpv6(): string;
  release(ip: string): void;
};

/**
 * `base` is the network that public IPv4 addresses come from, e.g. `127.33.0.0/16`: real addresses of this
 * machine, so that servers can listen on them. Freed addresses come back only after the whole block was used.
 */
export function createAddressPool(base: string): AddressPool {
  const block = parseCidr(base);
  if (block === undefined) throw new Error(`addressBase ${base} is not a network such as 127.33.0.0/16`);
  const { base: first } = block;
  const usable = sizeOf(block) - 2;
  const taken = new Set<string>();
  let offset = 0;
  let subnet = 0x400;
  return {
    takeIpv4() {
      for (let tries = 0; tries < usable; tries += 1) {
        offset = (offset % usable) + 1;
        const ip = formatIpv4(first + offset);
        if (taken.has(ip)) continue;
        taken.add(ip);
        return ip;
      }
      throw new Error(`every address of ${base} is in use`);
    },
    takeIpv6() {
      subnet += 1;
      return `2001:db8:${Math.floor(subnet / 65536).toString(16)}:${(subnet % 65536).toString(16)}::/64`;
    },
    release: (ip) => void taken.delete(ip),
  };
}
