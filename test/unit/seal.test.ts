/**
 * Proves that a sealed value opens only with its key, for its owner and untouched, and that the states' passphrase never
 * changes for a key. Cannot prove that the master key itself is kept well.
 */
import { assert, json, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { derivePassphrase, open, seal, sealContext } from "../../infra/seal.ts";

const key = "0f".repeat(32);
const otherKey = `1f${"0f".repeat(31)}`;
const context = sealContext.instance("i1");
const value = { gatewayToken: "hunter2-hunter2-hunter2-hunter2", environment: { KEY: "ä€😀" } };

/** 1 byte of format, 12 of nonce, 16 of tag, then the text. */
const headBytes = 29;

describe("a sealed value", () => {
  it("opens to what was sealed", () => {
    expect(open(key, seal(key, value, context), context)).toEqual(value);
  });

  it("opens to any JSON", () => {
    assert(
      property(json(), (text) => {
        const any: unknown = JSON.parse(text);
        expect(open(key, seal(key, any, context), context)).toEqual(any);
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it("opens from the plain bytes that a database driver gives", () => {
    expect(open(key, Uint8Array.from(seal(key, value, context)), context)).toEqual(value);
  });

  it("shows nothing of itself", () => {
    const sealed = Buffer.from(seal(key, value, context));
    for (const secret of ["hunter2", "gatewayToken", "environment", context, key]) {
      expect(sealed.includes(secret)).toBe(false);
    }
  });

  it("is another one each time, under another nonce", () => {
    const nonces = Array.from({ length: 50 }, () =>
      Buffer.from(seal(key, value, context))
        .subarray(1, 13)
        .toString("hex"),
    );
    expect(new Set(nonces).size).toBe(50);
  });

  it.each([
    ["another key", otherKey, context],
    ["another instance", key, sealContext.instance("i2")],
    ["a cell of the same name", key, sealContext.cell("i1")],
    ["no owner", key, ""],
  ])(
    "does not open for %s, and the error names the owner and the variable",
    (_what, withKey, withContext) => {
      expect(() => open(withKey, seal(key, value, context), withContext)).toThrow(
        `the secrets of ${withContext} do not open: is CLAWFLEET_MASTER_KEY the one that sealed them?`,
      );
    },
  );

  it("does not open when any one byte was changed", () => {
    const sealed = Buffer.from(seal(key, value, context));
    const opened = [...sealed.keys()].filter((at) => {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(sealed.readUInt8(at) ^ 1, at);
      try {
        open(key, changed, context);
        return true;
      } catch {
        return false;
      }
    });
    expect(opened).toEqual([]);
    expect(sealed.length).toBeGreaterThan(headBytes);
  });

  it.each([0, 1, 13, 20, headBytes, headBytes + 1])("does not open when cut after %i bytes", (length) => {
    const cut = Buffer.from(seal(key, value, context)).subarray(0, length);
    expect(() => open(key, cut, context)).toThrow(Error);
  });

  it("does not open with something behind it", () => {
    const longer = Buffer.concat([seal(key, value, context), Buffer.of(32)]);
    expect(() => open(key, longer, context)).toThrow("do not open");
  });

  it("of a later format is told apart from a wrong key", () => {
    const later = Buffer.from(seal(key, value, context));
    later.writeUInt8(2, 0);
    expect(() => open(key, later, context)).toThrow(`sealed value of ${context} has an unknown format`);
  });

  it("is told without any secret when it does not open", () => {
    const sealed = seal(key, value, context);
    const error = (() => {
      try {
        return open(otherKey, sealed, context);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(Error);
    const text = error instanceof Error ? `${error.message} ${String(error.cause)}` : "";
    expect(text).not.toContain(otherKey);
    expect(text).not.toContain("hunter2");
  });
});

describe("the master key", () => {
  it.each([
    "",
    "short",
    "0f".repeat(31),
    "0f".repeat(33),
    "0F".repeat(32),
    `${"0f".repeat(31)}0g`,
    `${key}\n`,
  ])("must be 64 hex digits, not %j", (wrong) => {
    expect(() => seal(wrong, value, context)).toThrow(RangeError);
    expect(() => open(wrong, seal(key, value, context), context)).toThrow(RangeError);
  });
});

describe("the passphrase of the states", () => {
  it("is the same for the same key for ever: changing it makes every state unreadable", () => {
    expect(derivePassphrase(key)).toBe("c799f985674e631d11d5ebd9274a85ffdc14c2b4c16bd4e80bc9db22e3063c36");
    expect(derivePassphrase(key)).toBe(derivePassphrase(key));
  });

  it("is another one for another key, and is not the key", () => {
    expect(derivePassphrase(otherKey)).not.toBe(derivePassphrase(key));
    expect(derivePassphrase(key)).toMatch(/^[0-9a-f]{64}$/);
    expect(derivePassphrase(key)).not.toBe(key);
  });

  it("does not open what is sealed", () => {
    expect(() => open(derivePassphrase(key), seal(key, value, context), context)).toThrow("do not open");
  });
});
