/** Origin certificates of the simulated account: signed for names in its own zones, listed by zone. */
import { randomBytes } from "node:crypto";
import { CloudflareRefusal } from "./envelope.ts";
import type { Certificate, Zone } from "./model.ts";
import type { OriginCa } from "./origin-ca.ts";

export type CertificateInput = {
  csr: string;
  hostnames: string[];
  request_type: string;
  requested_validity?: number;
};

export type CertificateStore = {
  /** @throws CloudflareRefusal badCsr, or badHostname for a name in none of these zones. */
  sign(input: CertificateInput, zones: readonly Zone[]): Promise<Certificate>;
  /** Those that name something in the zone; without one, all. */
  list(zone: Zone | undefined): Certificate[];
  find(id: string): Certificate;
  revoke(id: string): Certificate;
};

/** Days; Cloudflare's own default. */
const defaultValidity = 5475;

export function createCertificateStore(ca: OriginCa, now: () => Date): CertificateStore {
  const certificates = new Map<string, Certificate>();
  const find = (id: string): Certificate => {
    const certificate = certificates.get(id);
    if (!certificate) throw new CloudflareRefusal("noCertificate");
    return certificate;
  };
  return {
    async sign({ csr, hostnames, request_type: requestType, requested_validity: days }, zones) {
      if (!Array.isArray(hostnames)) throw new CloudflareRefusal("badHostname");
      const stranger = hostnames.find((name) => !zones.some((zone) => isIn(zone, name)));
      if (stranger !== undefined) throw badHostname(stranger);
      const requestedValidity = days ?? defaultValidity;
      const expiresOn = new Date(now().getTime() + requestedValidity * 86_400_000);
      const signed: Certificate = {
        id: `0x${randomBytes(8).toString("hex")}`,
        certificate: await ca.sign(csr, hostnames, expiresOn),
        csr,
        hostnames,
        expiresOn,
        requestType,
        requestedValidity,
      };
      certificates.set(signed.id, signed);
      return signed;
    },
    list: (zone) =>
      [...certificates.values()].filter(
        ({ hostnames }) => zone === undefined || hostnames.some((name) => isIn(zone, name)),
      ),
    find,
    revoke(id) {
      const certificate = find(id);
      certificates.delete(id);
      return certificate;
    },
  };
}

function isIn({ name: zone }: Zone, hostname: string): boolean {
  const name = hostname.replace(/^\*\./, "");
  return name === zone || name.endsWith(`.${zone}`);
}

function badHostname(name: string): CloudflareRefusal {
  const why = "This zone is either not part of your account, or you do not have access to it.";
  return new CloudflareRefusal("badHostname", `Failed to validate requested hostname ${name}: ${why}`);
}

export function toApiCertificate(certificate: Certificate) {
  return {
    id: certificate.id,
    certificate: certificate.certificate,
    csr: certificate.csr,
    hostnames: certificate.hostnames,
    expires_on: certificate.expiresOn.toISOString(),
    request_type: certificate.requestType,
    requested_validity: certificate.requestedValidity,
  };
}
