/** Proves that no key pair leaves us which sshd could not read. That sshd reads the others is shown by the machines' tests. */
import { createHash } from "node:crypto";
import ssh2 from "ssh2";
import { expect, test } from "vitest";
import { createSshKeyPair, deriveSshKeyPair, type SshKeyPair } from "../../reconciler/ssh-key.ts";

const generate = (): SshKeyPair => ssh2.utils.generateKeyPairSync("ed25519", { comment: "x" });

function findUnreadable(): SshKeyPair {
  for (let attempt = 0; attempt < 20_000; attempt += 1) {
    const pair = generate();
    if (ssh2.utils.parseKey(pair.private) instanceof Error) return pair;
  }
  throw new Error("ssh2 makes readable keys only: createSshKeyPair need not look any more");
}

test("a pair that cannot be read back is made again", () => {
  const unreadable = findUnreadable();
  const readable = createSshKeyPair("x");
  const pairs = [unreadable, unreadable, readable];
  expect(createSshKeyPair("x", () => pairs.shift() ?? unreadable)).toEqual(readable);
  expect(() => createSshKeyPair("x", () => unreadable)).toThrow("could not be read back");
});

test("a private key that is not the public one's is no pair", () => {
  const [one, other, whole] = [createSshKeyPair("a"), createSshKeyPair("b"), createSshKeyPair("c")];
  const pairs = [{ private: one.private, public: other.public }, whole];
  expect(createSshKeyPair("c", () => pairs.shift() ?? whole)).toEqual(whole);
});

test("a thousand pairs can all be read, and carry their comment", () => {
  for (let i = 0; i < 1_000; i += 1) {
    const pair = createSshKeyPair("clawfleet-eu1");
    expect(ssh2.utils.parseKey(pair.private)).not.toBeInstanceOf(Error);
    expect(pair.public).toMatch(/^ssh-ed25519 [A-Za-z0-9+/]{68} clawfleet-eu1$/);
  }
});

test("of one seed there is one pair, and every one can be read, signs, and is signed for", () => {
  const seedOf = (text: string) => createHash("sha256").update(text).digest();
  for (let i = 0; i < 1_000; i += 1) {
    const pair = deriveSshKeyPair(seedOf(`${i}`), "x".repeat(i % 9));
    const [own, open] = [ssh2.utils.parseKey(pair.private), ssh2.utils.parseKey(pair.public)];
    if (own instanceof Error || open instanceof Error) throw new Error(`pair ${i} cannot be read`);
    const signature = own.sign("text");
    if (signature instanceof Error) throw signature;
    expect(open.verify("text", signature)).toBe(true);
    expect(own.getPublicSSH()).toEqual(open.getPublicSSH());
  }
  expect(deriveSshKeyPair(seedOf("a"), "x")).toEqual(deriveSshKeyPair(seedOf("a"), "x"));
  expect(deriveSshKeyPair(seedOf("a"), "x")).not.toEqual(deriveSshKeyPair(seedOf("b"), "x"));
});
