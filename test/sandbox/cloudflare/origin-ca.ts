/** A certificate authority of our own that really signs what Cloudflare's Origin CA would. */
import { randomBytes, webcrypto } from "node:crypto";
// x509 resolves its parts through it and refuses to load without.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { CloudflareRefusal } from "./envelope.ts";

export type OriginCa = {
  /** PEM of the root, for whoever verifies as the edge does. */
  rootPem: string;
  /** @throws CloudflareRefusal badCsr for what is no request or is not signed by its own key. */
  sign(csr: string, hostnames: readonly string[], notAfter: Date): Promise<string>;
};

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export async function createOriginCa(now: () => Date): Promise<OriginCa> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(12).toString("hex"),
    name: "O=Sandbox Origin CA",
    notBefore: new Date(now().getTime() - 86_400_000),
    notAfter: new Date(now().getTime() + 20 * 365 * 86_400_000),
    signingAlgorithm: algorithm,
    keys: keys,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  });
  return {
    rootPem: root.toString("pem"),
    async sign(csr, hostnames, notAfter) {
      const request = await parseRequest(csr);
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: randomBytes(12).toString("hex"),
        subject: "O=Sandbox, OU=Origin CA, CN=Origin Certificate",
        issuer: root.subject,
        notBefore: new Date(now().getTime() - 3_600_000),
        notAfter,
        signingAlgorithm: algorithm,
        publicKey: request.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.SubjectAlternativeNameExtension(hostnames.map((value) => ({ type: "dns", value }))),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        ],
      });
      return certificate.toString("pem");
    },
  };
}

async function parseRequest(csr: string): Promise<x509.Pkcs10CertificateRequest> {
  try {
    const request = new x509.Pkcs10CertificateRequest(csr);
    if (await request.verify()) return request;
  } catch {
    // Said below: what cannot be read is as bad as what is not signed by its own key.
  }
  throw new CloudflareRefusal("badCsr");
}
