/** Looks at DNS records at Cloudflare: whose are they? */
import { z } from "zod";
import { recordComment } from "../../components/naming.ts";
import { createCloudHttp } from "./http.ts";

const recordSchema = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  content: z.string(),
  comment: z.string().nullish(),
  created_on: z.coerce.date().optional(),
});
const listSchema = z.object({ result: z.array(recordSchema) });

export type DnsRecord = z.infer<typeof recordSchema>;

const certificateSchema = z.object({
  id: z.string(),
  hostnames: z.array(z.string()),
  /** `2026-01-01 05:20:00 +0000 UTC`, or ISO. */
  expires_on: z.string(),
  /** Days. */
  requested_validity: z.number(),
});
const certificatesSchema = z.object({ result: z.array(certificateSchema) });

export type OriginCertificate = { id: string; hostnames: string[]; createdAt: Date | undefined };

export type Cloudflare = {
  /** Every record of this full name. */
  findRecords(zoneId: string, name: string): Promise<DnsRecord[]>;
  /** Origin certificates of the zone that name the first of these hosts, and none but these. */
  findCertificates(zoneId: string, hosts: readonly string[]): Promise<OriginCertificate[]>;
  revokeCertificate(certificateId: string): Promise<void>;
  /** Records of this full name that do not carry the instance's comment: somebody else's. */
  findForeignRecords(zoneId: string, name: string, instanceId: string): Promise<DnsRecord[]>;
  /** Records that carry the instance's comment, whatever their name. */
  findOwnRecords(zoneId: string, instanceId: string): Promise<DnsRecord[]>;
  deleteRecord(zoneId: string, recordId: string): Promise<void>;
};

export function createCloudflare(deps: { baseUrl: string; token: string; fetch: typeof fetch }): Cloudflare {
  const http = createCloudHttp({ cloud: "cloudflare", ...deps });
  const list = async (zoneId: string, filter: Record<string, string>) => {
    const query = new URLSearchParams({ ...filter, per_page: "100" }).toString();
    const answer = await http.readList(`/zones/${zoneId}/dns_records?${query}`, listSchema);
    return answer.result;
  };
  return {
    findRecords: (zoneId, name) => list(zoneId, { "name.exact": name }),
    async findCertificates(zoneId, hosts) {
      const found = new Map<string, OriginCertificate>();
      for (let page = 1, size = -1; size !== found.size; page += 1) {
        size = found.size;
        const query = new URLSearchParams({ zone_id: zoneId, page: String(page), per_page: "50" }).toString();
        const answer = await http.readList(`/certificates?${query}`, certificatesSchema);
        for (const one of answer.result) found.set(one.id, toCertificate(one));
      }
      const isOurs = ({ hostnames }: OriginCertificate) =>
        hostnames.some((name) => name === hosts[0]) && hostnames.every((name) => hosts.includes(name));
      return [...found.values()].filter(isOurs);
    },
    async revokeCertificate(certificateId) {
      await http.request({ method: "DELETE", path: `/certificates/${certificateId}`, schema: z.unknown() });
    },
    async findForeignRecords(zoneId, name, instanceId) {
      const records = await list(zoneId, { "name.exact": name });
      return records.filter((record) => record.comment !== recordComment(instanceId));
    },
    findOwnRecords: (zoneId, instanceId) => list(zoneId, { "comment.exact": recordComment(instanceId) }),
    async deleteRecord(zoneId, recordId) {
      await http.request({
        method: "DELETE",
        path: `/zones/${zoneId}/dns_records/${recordId}`,
        schema: z.unknown(),
      });
    },
  };
}

const dayMs = 86_400_000;

function toCertificate(raw: z.infer<typeof certificateSchema>): OriginCertificate {
  const expires = new Date(raw.expires_on.replace(/^(\S+) (\S+) \+0000 UTC$/, "$1T$2Z"));
  const at = expires.getTime() - raw.requested_validity * dayMs;
  return { id: raw.id, hostnames: raw.hostnames, createdAt: Number.isNaN(at) ? undefined : new Date(at) };
}
