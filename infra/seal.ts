/** Sealing of secrets at rest: AES-256-GCM under the master key, bound to the row that they belong to. Pure but for the nonce. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";

const formatVersion = 1;
const nonceBytes = 12;
const tagBytes = 16;

/** From a master key of 32 bytes as hex. @throws RangeError for what is none. */
function derive(masterKey: string, label: string): Buffer {
  if (!/^[0-9a-f]{64}$/.test(masterKey)) throw new RangeError("the master key must be 64 hex digits");
  return Buffer.from(hkdfSync("sha256", Buffer.from(masterKey, "hex"), "clawfleet", label, 32));
}

/** `context` names the owner, such as `instance:<id>`: a value moved to another row does not open. */
export function seal(masterKey: string, value: unknown, context: string): Uint8Array {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", derive(masterKey, "seal"), nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(JSON.stringify(value), "utf8"), cipher.final()]);
  return Buffer.concat([Buffer.of(formatVersion), nonce, cipher.getAuthTag(), body]);
}

/** The JSON value that was sealed. @throws Error when the key, the context or the bytes are not the right ones. */
export function open(masterKey: string, sealed: Uint8Array, context: string): unknown {
  const bytes = Buffer.from(sealed);
  if (bytes[0] !== formatVersion) throw new Error(`sealed value of ${context} has an unknown format`);
  const nonce = bytes.subarray(1, 1 + nonceBytes);
  const tag = bytes.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes);
  const decipher = createDecipheriv("aes-256-gcm", derive(masterKey, "seal"), nonce)
    .setAAD(Buffer.from(context))
    .setAuthTag(tag);
  try {
    const text = Buffer.concat([
      decipher.update(bytes.subarray(1 + nonceBytes + tagBytes)),
      decipher.final(),
    ]);
    return JSON.parse(text.toString("utf8"));
  } catch (error) {
    throw new Error(
      `the secrets of ${context} do not open: is CLAWFLEET_MASTER_KEY the one that sealed them?`,
      { cause: error },
    );
  }
}

/** Passphrase of the stacks' states, unless PULUMI_CONFIG_PASSPHRASE names another. */
export function derivePassphrase(masterKey: string): string {
  return derive(masterKey, "pulumi").toString("hex");
}

/** 32 bytes that say nothing of the text to whoever has no master key. `purpose` keeps hashes of one text apart. */
export function hashWithKey(masterKey: string, purpose: string, text: string): Buffer {
  return createHmac("sha256", derive(masterKey, purpose)).update(text).digest();
}

export const sealContext = {
  instance: (id: string) => `instance:${id}`,
  cell: (name: string) => `cell:${name}`,
} as const;
