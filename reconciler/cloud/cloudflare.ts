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
});
const listSchema = z.object({ result: z.array(recordSchema) });

export type DnsRecord = z.infer<typeof recordSchema>;

export type Cloudflare = {
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
    const answer = await http.request({
      method: "GET",
      path: `/zones/${zoneId}/dns_records?${query}`,
      schema: listSchema,
    });
    return answer?.result ?? [];
  };
  return {
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
