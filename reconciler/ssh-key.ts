/** Key pairs for sshd and for ourselves. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import ssh2 from "ssh2";

export type SshKeyPair = {
  /** OpenSSH's own format, which both sshd and cloud-init read. */
  private: string;
  /** One line of an authorized_keys file. */
  public: string;
};

const attempts = 20;

/**
 * ed25519. ssh2 1.17 drops a leading zero of the public key, so that one pair in 256 is one that neither sshd nor ssh2 itself can
 * read: those are thrown away. @throws Error when every attempt gave such a pair.
 */
export function createSshKeyPair(
  comment: string,
  generate: () => SshKeyPair = generator(comment),
): SshKeyPair {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const pair = generate();
    if (isReadable(pair)) return { private: pair.private, public: pair.public };
  }
  throw new Error(`${attempts} key pairs in a row could not be read back`);
}

function generator(comment: string): () => SshKeyPair {
  return () => ssh2.utils.generateKeyPairSync("ed25519", { comment });
}

const algorithm = "ssh-ed25519";
/** Of a PKCS #8 private key, before its 32 bytes (RFC 8410 section 7). */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");

/** The pair of a seed of 32 bytes, in the format of OpenSSH's PROTOCOL.key. */
export function deriveSshKeyPair(seed: Buffer, comment: string): SshKeyPair {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: "der", type: "pkcs8" });
  const point = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  const open = Buffer.concat([toField(algorithm), toField(point)]);
  // Two equal numbers, by which a wrong passphrase would be noticed; there is none.
  const check = Buffer.alloc(8);
  const body = [check, open, toField(Buffer.concat([seed, point])), toField(comment)];
  const used = body.reduce((sum, { length }) => sum + length, 0);
  const padding = Buffer.from(Array.from({ length: (8 - (used % 8)) % 8 }, (_, at) => at + 1));
  const file = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    toField("none"),
    toField("none"),
    toField(""),
    Buffer.from([0, 0, 0, 1]),
    toField(open),
    toField(Buffer.concat([...body, padding])),
  ]);
  const lines = file.toString("base64").match(/.{1,70}/g) ?? [];
  const [begin, end] = ["BEGIN", "END"].map((word) => `-----${word} OPENSSH PRIVATE KEY-----`);
  return {
    private: `${[begin, ...lines, end].join("\n")}\n`,
    public: `${algorithm} ${open.toString("base64")} ${comment}`,
  };
}

function toField(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The name of the algorithm and 32 bytes, each with its length before it (RFC 8709). */
const publicBlobBytes = 4 + algorithm.length + 4 + 32;

function isReadable(pair: SshKeyPair): boolean {
  const [own, open] = [ssh2.utils.parseKey(pair.private), ssh2.utils.parseKey(pair.public)];
  if (own instanceof Error || open instanceof Error) return false;
  const blob = own.getPublicSSH();
  return blob.length === publicBlobBytes && blob.equals(open.getPublicSSH());
}
