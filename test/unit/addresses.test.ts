/**
 * Proves which private address is free next, to the last one of a range. Cannot prove that two at once get different ones:
 * the database's unique index does, and its tests.
 */
import { describe, expect, it } from "vitest";
import { findFreeAddress } from "../../reconciler/desired/addresses.ts";

const backend = "10.0.0.2";
const none: ReadonlySet<string> = new Set();

function addresses(base: string, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `${base}.${from + index}`);
}

/** Every address that the range gives, in the order in which it gives them. */
function allOf(range: string, backendIp: string): string[] {
  const taken = new Set<string>();
  for (;;) {
    const address = findFreeAddress(range, taken, backendIp);
    if (address === undefined) return [...taken];
    if (taken.has(address)) throw new Error(`${address} was given twice`);
    taken.add(address);
  }
}

describe("findFreeAddress", () => {
  it.each<[string, string, string[], string, string | undefined]>([
    ["begins behind gateway and backend", "10.0.0.0/24", [], backend, "10.0.0.3"],
    ["goes on behind what is taken", "10.0.0.0/24", ["10.0.0.3", "10.0.0.4"], backend, "10.0.0.5"],
    ["fills a hole first", "10.0.0.0/24", ["10.0.0.3", "10.0.0.5"], backend, "10.0.0.4"],
    ["leaves the backend's address alone wherever it is", "10.0.0.0/24", [], "10.0.0.3", "10.0.0.4"],
    ["counts over the end of an octet", "10.0.0.0/16", addresses("10.0.0", 3, 255), backend, "10.0.1.0"],
    ["begins where the range begins", "192.168.4.64/26", [], backend, "192.168.4.67"],
    ["works beyond the sign bit of 32 bits", "203.0.113.0/24", [], backend, "203.0.113.3"],
    ["has none in a full range", "10.0.0.0/29", addresses("10.0.0", 3, 6), backend, undefined],
    ["has none in a range too small for one", "10.0.0.0/30", [], backend, undefined],
    ["has none in a single address", "10.0.0.0/32", [], backend, undefined],
  ])("%s", (_what, range, taken, backendIp, free) => {
    expect(findFreeAddress(range, new Set(taken), backendIp)).toBe(free);
  });

  it.each([
    ["10.0.0.0/24", addresses("10.0.0", 3, 254)],
    ["10.0.0.0/28", addresses("10.0.0", 3, 14)],
    ["10.0.0.16/28", addresses("10.0.0", 19, 30)],
  ])("gives every usable address of %s once and never the broadcast address", (range, all) => {
    expect(allOf(range, backend)).toEqual(all);
  });

  it("does not mind addresses of elsewhere", () => {
    expect(findFreeAddress("10.0.0.0/24", new Set(["10.0.1.3", "not an address"]), backend)).toBe("10.0.0.3");
  });

  it("has room for a full cell in the usual range", () => {
    expect(allOf("10.0.0.0/24", backend).length).toBeGreaterThanOrEqual(99);
    expect(findFreeAddress("10.0.0.0/24", none, backend)).toBe("10.0.0.3");
  });
});
