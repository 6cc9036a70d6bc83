/** Everything that an account's clouds hold, by bulk lists: some dozens of requests for a thousand instances. Only looks. */
import { z } from "zod";
import { labelKeys, managedBy, parseRecordComment } from "../../components/naming.ts";
import { toAttachment, toFirewall, toRecord, toServer, type SeenObject } from "../drift/objects.ts";
import { createCloudHttp } from "./http.ts";

const pagination = z.object({
  meta: z.object({ pagination: z.object({ next_page: z.number().nullable() }) }),
});
const labels = z.record(z.string(), z.string());
const serversPage = pagination.extend({
  servers: z.array(
    z.object({
      id: z.number(),
      name: z.string(),
      labels,
      server_type: z.object({
        name: z.string(),
        prices: z
          .array(z.object({ location: z.string(), price_monthly: z.object({ net: z.string() }) }))
          .default([]),
      }),
      location: z.object({ name: z.string() }),
      backup_window: z.string().nullable(),
      protection: z.object({ delete: z.boolean(), rebuild: z.boolean() }),
      public_net: z.object({
        ipv4: z.object({ ip: z.string() }).nullable(),
        ipv6: z.object({ ip: z.string() }).nullable(),
        firewalls: z.array(z.object({ id: z.number() })),
      }),
      private_net: z.array(z.object({ network: z.number(), ip: z.string() })),
    }),
  ),
});
const firewallsPage = pagination.extend({
  firewalls: z.array(
    z.object({
      id: z.number(),
      name: z.string(),
      labels,
      rules: z.array(
        z.object({
          description: z.string().nullish(),
          direction: z.string(),
          protocol: z.string(),
          port: z.string().nullish(),
          source_ips: z.array(z.string()).nullish(),
          destination_ips: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});
const recordsPage = z.object({
  result: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      type: z.string(),
      content: z.string().default(""),
      proxied: z.boolean().default(false),
      ttl: z.number(),
      comment: z.string().nullish(),
    }),
  ),
  result_info: z.object({ page: z.number(), total_pages: z.number() }),
});

/** Most that Hetzner gives at once. */
const hetznerPage = 50;
const cloudflarePage = 1000;
/** 100,000 objects of a kind: whoever has more has more accounts. */
const maxPages = 2000;

type Access = { baseUrl: string; token: string; fetch: typeof fetch };
/** Ways to both clouds of one account. */
export type CloudAccess = { hetzner: Access; cloudflare: Access };
type Server = z.output<typeof serversPage>["servers"][number];

/** Every server, attachment and firewall of a project, labelled or not: a label may be what has drifted. */
export async function listHetzner(access: Access): Promise<SeenObject[]> {
  const http = createCloudHttp({ cloud: "hetzner", ...access });
  const found: SeenObject[] = [];
  const readServers = (query: string) =>
    http.request({ method: "GET", path: `/servers?${query}`, schema: serversPage });
  const readFirewalls = (query: string) =>
    http.request({ method: "GET", path: `/firewalls?${query}`, schema: firewallsPage });
  for await (const { servers } of pages(readServers)) found.push(...servers.flatMap(seeServer));
  for await (const page of pages(readFirewalls)) {
    for (const firewall of page.firewalls) {
      const rules = firewall.rules.map(({ source_ips, destination_ips, ...rule }) => ({
        ...rule,
        sourceIps: source_ips,
        destinationIps: destination_ips,
      }));
      const object = toFirewall(String(firewall.id), { ...firewall, rules });
      found.push({ ...object, instanceId: ownerOf(firewall.labels) });
    }
  }
  return found;
}

/** Every record of a zone. */
export async function listRecords(access: Access, zoneId: string): Promise<SeenObject[]> {
  const http = createCloudHttp({ cloud: "cloudflare", ...access });
  const found: SeenObject[] = [];
  for (let page = 1; page <= maxPages; page += 1) {
    const path = `/zones/${zoneId}/dns_records?per_page=${cloudflarePage}&page=${page}`;
    const answer = await http.request({ method: "GET", path, schema: recordsPage });
    for (const record of answer?.result ?? []) {
      const instanceId = parseRecordComment(record.comment ?? "") ?? null;
      found.push({ ...toRecord(record.id, record), instanceId });
    }
    if (!answer || page >= answer.result_info.total_pages) break;
  }
  return found;
}

type Paged = { meta: { pagination: { next_page: number | null } } };

async function* pages<Page extends Paged>(
  read: (query: string) => Promise<Page | undefined>,
): AsyncGenerator<Page> {
  let next: number | null = 1;
  for (let count = 0; next !== null && count < maxPages; count += 1) {
    const page: Page | undefined = await read(`per_page=${hetznerPage}&page=${next}`);
    if (!page) return;
    yield page;
    next = page.meta.pagination.next_page;
  }
}

function seeServer(server: Server): SeenObject[] {
  const instanceId = ownerOf(server.labels);
  const object = toServer(String(server.id), {
    name: server.name,
    serverType: server.server_type.name,
    location: server.location.name,
    labels: server.labels,
    firewallIds: server.public_net.firewalls.map(({ id }) => id),
    backups: server.backup_window !== null,
    deleteProtection: server.protection.delete,
    rebuildProtection: server.protection.rebuild,
    ipv4Address: server.public_net.ipv4?.ip ?? "",
    // The provider shows the first host of the network that the API shows.
    ipv6Address: firstHost(server.public_net.ipv6?.ip ?? ""),
  });
  const attachments = server.private_net.map(({ network, ip }) =>
    toAttachment({ serverId: server.id, networkId: network, ip }),
  );
  const price = server.server_type.prices.find(({ location }) => location === server.location.name);
  const seen = { ...object, instanceId, ...(price ? { monthlyNet: price.price_monthly.net } : {}) };
  return [seen, ...attachments.map((one) => ({ ...one, instanceId }))];
}

function firstHost(network: string): string {
  return network.replace(/::\/\d+$/, "::1");
}

/** Null for what is not ours, and for what belongs to a cell. */
function ownerOf(found: Record<string, string>): string | null {
  return found[managedBy.key] === managedBy.value ? (found[labelKeys.instance] ?? null) : null;
}
