/** Fresh secrets of an instance and of a cell, sealed before anybody stores them. */
import { randomBytes } from "node:crypto";
import type { CellSecrets, InstanceSecrets } from "../infra/config.ts";
import { seal, sealContext } from "../infra/seal.ts";
import { createSshKeyPair } from "./ssh-key.ts";

const tokenBytes = 32;

/** A host key pair of its own and a gateway token; the customer's own keys come later. */
export function createInstanceSecrets(masterKey: string, instanceId: string): Uint8Array {
  const hostKey = createSshKeyPair(instanceId);
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

/** `i` and 12 characters of a-z2-7: fits a Hetzner label and a DNS comment. */
export function createInstanceId(): string {
  return `i${[...randomBytes(12)].map((byte) => idAlphabet[byte % idAlphabet.length]).join("")}`;
}

/** 24 characters that nobody guesses: whoever has the address sees the order. */
export function createOrderId(): string {
  return randomBytes(18).toString("base64url");
}
