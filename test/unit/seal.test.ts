/** Proves that sealed secrets open only with their key and at their row. It does not judge AES-GCM itself. */
import { describe, expect, test } from "vitest";
import { derivePassphrase, open, seal, sealContext } from "../../infra/seal.ts";

const key = "ab".repeat(32);
const value = { token: "s3cret", list: [1, 2] };

describe("sealing", () => {
  test("opens to what was sealed, and is never the same twice", () => {
    const [one, two] = [seal(key, value, "instance:a"), seal(key, value, "instance:a")];
    expect(open(key, one, "instance:a")).toEqual(value);
    expect(Buffer.from(one).equals(Buffer.from(two))).toBe(false);
    expect(Buffer.from(one).toString("latin1")).not.toContain("s3cret");
  });

  test.each([
    ["another key", "cd".repeat(32), "instance:a", 0],
    ["another row", key, "instance:b", 0],
    ["a changed byte", key, "instance:a", 1],
  ])("does not open with %s", (_name, otherKey, context, flip) => {
    const sealed = Buffer.from(seal(key, value, "instance:a"));
    if (flip) sealed.writeUInt8(sealed.readUInt8(sealed.length - 1) ^ 1, sealed.length - 1);
    expect(() => open(otherKey, sealed, context)).toThrow(/do not open: is CLAWFLEET_MASTER_KEY/);
  });

  test("names an unknown format and a key that is none", () => {
    expect(() => open(key, Buffer.from([9, 1, 2]), "instance:a")).toThrow(/unknown format/);
    expect(() => seal("short", value, "x")).toThrow(/64 hex digits/);
  });

  test("the passphrase follows from the key and gives nothing of it away", () => {
    expect(derivePassphrase(key)).toBe(derivePassphrase(key));
    expect(derivePassphrase(key)).not.toBe(derivePassphrase("cd".repeat(32)));
    expect(derivePassphrase(key)).not.toContain(key.slice(0, 16));
    expect(sealContext.instance("i1")).not.toBe(sealContext.cell("i1"));
  });
});
