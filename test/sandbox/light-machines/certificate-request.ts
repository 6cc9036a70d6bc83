/** A TLS key and a certificate request for it, as `openssl` makes them on a real machine. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto } from "node:crypto";
// x509 resolves its parts through it and refuses to load without.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** @param key PEM of the key that is there already. */
export async function makeCertificateRequest(
  names: readonly [string, ...string[]],
  key = makeKey(),
): Promise<{ key: string; request: string }> {
  x509.cryptoProvider.set(webcrypto);
  const privateKey = createPrivateKey(key);
  const keys = {
    privateKey: await webcrypto.subtle.importKey(
      "pkcs8",
      privateKey.export({ type: "pkcs8", format: "der" }),
      algorithm,
      true,
      ["sign"],
    ),
    publicKey: await webcrypto.subtle.importKey(
      "spki",
      createPublicKey(privateKey).export({ type: "spki", format: "der" }),
      algorithm,
      true,
      ["verify"],
    ),
  };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${names[0]}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value })))],
  });
  return { key, request: `${request.toString("pem")}\n` };
}

function makeKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
