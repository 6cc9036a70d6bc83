/** Key pairs for sshd and for ourselves. */
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

/** The name of the algorithm and 32 bytes, each with its length before it (RFC 8709). */
const publicBlobBytes = 4 + "ssh-ed25519".length + 4 + 32;

function isReadable(pair: SshKeyPair): boolean {
  const [own, open] = [ssh2.utils.parseKey(pair.private), ssh2.utils.parseKey(pair.public)];
  if (own instanceof Error || open instanceof Error) return false;
  const blob = own.getPublicSSH();
  return blob.length === publicBlobBytes && blob.equals(open.getPublicSSH());
}
