/** Fresh secrets of an instance and of a cell, sealed before anybody stores them. */
import { createHash, randomBytes } from "node:crypto";
import type { CellSecrets, InstanceSecrets } from "../infra/config.ts";
import { hashWithKey, seal, sealContext } from "../infra/seal.ts";
import { createSshKeyPair, deriveSshKeyPair } from "./ssh-key.ts";

const tokenBytes = 32;

/** A host key pair of its own, always the same one, and a new gateway token; the customer's own keys come later. */
export function createInstanceSecrets(masterKey: string, instanceId: string): Uint8Array {
  // Nothing else can be made anew beside a machine that lives: by this key it is known.
  const hostKey = deriveSshKeyPair(hashWithKey(masterKey, "host-key", instanceId), instanceId);
  const secrets: InstanceSecrets = {
    hostKeyPrivate: hostKey.private,
    hostKeyPublic: hostKey.public,
    gatewayToken: randomBytes(tokenBytes).toString("hex"),
    environment: {},
  };
  return seal(masterKey, secrets, sealContext.instance(instanceId));
}

export function createCellSecrets(masterKey: string, cell: string): Uint8Array {
  const pair = createSshKeyPair(`clawfleet-${cell}`);
  const secrets: CellSecrets = { sshPrivateKey: pair.private, sshPublicKey: pair.public };
  return seal(masterKey, secrets, sealContext.cell(cell));
}

const idAlphabet = "abcdefghijklmnopqrstuvwxyz234567";

/**
 * `i` and 12 characters of a-z2-7: fits a Hetzner label and a DNS comment. The same whenever it is made for the same
 * subscription, so that a database from a backup knows again what was made after it. `earlier`: its instances that are gone.
 */
export function deriveInstanceId(
  masterKey: string,
  subscription: { provider: string; id: string },
  earlier: number,
): string {
  const text = JSON.stringify([subscription.provider, subscription.id, earlier]);
  const bytes = [...hashWithKey(masterKey, "instance-id", text).subarray(0, 12)];
  return `i${bytes.map((byte) => idAlphabet[byte % idAlphabet.length]).join("")}`;
}

/** 24 characters that nobody guesses: whoever has the address sees the order. */
export function createOrderId(): string {
  return randomBytes(18).toString("base64url");
}

/** 256 bits for somebody outside; rows keep `hashSecret` of it alone. */
export function createToken(): string {
  return randomBytes(tokenBytes).toString("base64url");
}

/** Of what has 256 bits of its own: a slow hash would add nothing. */
export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
