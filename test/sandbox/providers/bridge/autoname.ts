/** Names that the bridge makes up: `<logical name>-<7 hex digits>`, or what the stack's autonaming configuration proposes. */
import { createHash, randomBytes } from "node:crypto";

export type Autonaming = { mode: "propose" | "enforce" | "disable"; proposed: string };

export type NameSource = {
  /** Last part of the URN. */
  logicalName: string;
  /** The engine's seed: the same for a retry. Empty for none. */
  seed: Uint8Array;
  autonaming: Autonaming | undefined;
};

/** Both lengths are pulumi-hcloud's settings for every resource with a name. */
const digits = 7;
const maxLength = 255;

/** @throws when autonaming is switched off or the name would be too long. */
export function makeName({ logicalName, seed, autonaming }: NameSource): string {
  if (autonaming?.mode === "disable") {
    throw new Error("automatic naming is disabled but no explicit name was provided");
  }
  const name = autonaming ? autonaming.proposed : `${logicalName}-${randomDigits(seed)}`;
  if (name.length > maxLength && autonaming?.mode !== "enforce") {
    throw new Error(`name '${name}' is longer than maximum length ${maxLength}`);
  }
  return name;
}

function randomDigits(seed: Uint8Array): string {
  const source = seed.length === 0 ? randomBytes(32) : seed;
  return createHash("sha256").update(source).digest("hex").slice(0, digits);
}
