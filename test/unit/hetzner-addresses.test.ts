/** Proves the address arithmetic and the pool of the simulated Hetzner. */
import { assert, nat, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { claimAddressBlock } from "../sandbox/hetzner/address-block.ts";
import {
  createAddressPool,
  formatIpv4,
  isRuleAddress,
  overlaps,
  parseCidr,
  parseIpv4,
} from "../sandbox/hetzner/addresses.ts";

describe("addresses", () => {
  it("reads back what it writes", () => {
    expect(() =>
      assert(property(nat(2 ** 32 - 1), (value) => parseIpv4(formatIpv4(value)) === value)),
    ).not.toThrow();
  });

  it.each(["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "a.b.c.d", "1.2.3.4/8"])(
    "%j is no address",
    (text) => {
      expect(parseIpv4(text)).toBeUndefined();
    },
  );

  it.each(["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0", "10.0.0.0/8/8", "10.0.0.0/x"])(
    "%j is no network",
    (text) => {
      expect(parseCidr(text)).toBeUndefined();
    },
  );

  it.each([
    ["10.0.0.0/8", "10.5.0.0/16", true],
    ["10.5.0.0/16", "10.0.0.0/8", true],
    ["10.0.0.0/16", "10.1.0.0/16", false],
    ["192.168.0.0/24", "192.168.1.0/24", false],
  ])("%s and %s overlap: %s", (a, b, expected) => {
    const [x, y] = [parseCidr(a), parseCidr(b)];
    if (x === undefined || y === undefined) throw new Error("both are networks");
    expect(overlaps(x, y)).toBe(expected);
  });

  it.each([
    ["0.0.0.0/0", true],
    ["::/0", true],
    ["2001:db8::/32", true],
    ["203.0.113.7/32", true],
    ["203.0.113.7", false],
    ["10.0.0.1/8", false],
    ["2001:db8::/129", false],
    ["2001:db8::1/128", true],
    ["2001:db8::1/64", false],
    ["2001:db8:0:8000::/49", true],
    ["hello/8", false],
  ])("a rule may name %s: %s", (text, allowed) => {
    expect(isRuleAddress(text)).toBe(allowed);
  });
});

describe("pool of public addresses", () => {
  it("begins at the first address and gives none twice", () => {
    const pool = createAddressPool("127.33.0.0/16");
    expect([pool.takeIpv4(), pool.takeIpv4()]).toEqual(["127.33.0.1", "127.33.0.2"]);
  });

  it("gives a freed address again only after the others", () => {
    const pool = createAddressPool("127.33.0.0/30");
    const first = pool.takeIpv4();
    pool.release(first);
    expect(pool.takeIpv4()).not.toBe(first);
    expect(pool.takeIpv4()).toBe(first);
    expect(() => pool.takeIpv4()).toThrow("in use");
  });

  it("gives every IPv6 network once", () => {
    const pool = createAddressPool("127.33.0.0/16");
    const many = new Set(Array.from({ length: 1_000 }, () => pool.takeIpv6()));
    expect(many.size).toBe(1_000);
    expect([...many][0]).toMatch(/^2001:db8:[0-9a-f]+:[0-9a-f]+::\/64$/);
  });

  it("gives no two sandboxes the same block, and a block again once it is free", async () => {
    const first = await claimAddressBlock(5);
    const second = await claimAddressBlock(5);
    expect(first.base).toMatch(/^127\.\d+\.0\.0\/16$/);
    expect(second.base).not.toBe(first.base);
    await first.release();
    const third = await claimAddressBlock(5);
    expect(third.base).toBe(first.base);
    await Promise.all([second.release(), third.release()]);
  });
});
