/** The lab's certificate authority: for the names of the outside world that lead into the lab, and for client certificates. */
import { randomBytes, webcrypto } from "node:crypto";
// x509 resolves its parts through it and refuses to load without.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

export type KeyPair = { certificate: string; key: string };

export type Authority = {
  /** PEM of the root. */
  root: string;
  sign(subject: string, names: readonly string[], use: "server" | "client"): Promise<KeyPair>;
};

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 86_400_000;

export async function createAuthority(name: string): Promise<Authority> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const lifetime = { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + 30 * dayMs) };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(12).toString("hex"),
    name: `CN=${name}`,
    ...lifetime,
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    root: `${root.toString("pem")}\n`,
    async sign(subject, names, use) {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const usage = use === "server" ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: randomBytes(12).toString("hex"),
        subject: `CN=${subject}`,
        issuer: root.subject,
        ...lifetime,
        signingAlgorithm: algorithm,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value }))),
          new x509.ExtendedKeyUsageExtension([usage]),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", own.privateKey)).toString("base64");
      const lines = key.match(/.{1,64}/g)?.join("\n") ?? "";
      return {
        certificate: certificate.toString("pem"),
        key: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
      };
    },
  };
}
