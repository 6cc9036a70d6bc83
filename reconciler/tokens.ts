/** Tokens that somebody outside holds, and of which rows keep a hash alone. */
import { createHash, randomBytes } from "node:crypto";

export function createToken(): string {
  return randomBytes(32).toString("base64url");
}

/** It has 256 bits of its own: a slow hash would add nothing. */
export function digestToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
