/** Everything that an account's clouds hold, by bulk lists: some dozens of requests for a thousand instances. Only looks. */
import { z } from "zod";
import {
  carrierLabelKeys,
  cellStack,
  labelKeys,
  managedBy,
  parseRecordComment,
} from "../../components/naming.ts";
import {
  toAttachment,
  toFirewall,
  toNetwork,
  toRecord,
  toServer,
  toSshKey,
  toSubnet,
  type SeenObject,
} from "../drift/objects.ts";
import { ClawfleetError } from "../errors.ts";
import { listObjects } from "./hetzner-pages.ts";
import { createCloudHttp } from "./http.ts";

const labels = z.record(z.string(), z.string());
const serverSchema = z.object({
  id: z.number(),
  name: z.string(),
  labels,
  server_type: z.object({ name: z.string() }),
  location: z.object({ name: z.string() }),
  backup_window: z.string().nullable(),
  protection: z.object({ delete: z.boolean(), rebuild: z.boolean() }),
  public_net: z.object({
    ipv4: z.object({ ip: z.string() }).nullable(),
    ipv6: z.object({ ip: z.string() }).nullable(),
    firewalls: z.array(z.object({ id: z.number() })),
  }),
  private_net: z.array(z.object({ network: z.number(), ip: z.string() })),
});
const firewallSchema = z.object({
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
});
const networkSchema = z.object({
  id: z.number(),
  name: z.string(),
  labels,
  ip_range: z.string(),
  subnets: z.array(z.object({ ip_range: z.string(), network_zone: z.string() })),
});
const sshKeySchema = z.object({ id: z.number(), name: z.string(), labels, fingerprint: z.string() });
const imageSchema = z.object({
  id: z.number(),
  description: z.string(),
  labels: labels.default({}),
  image_size: z.number().nullable(),
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

const cloudflarePage = 1000;
/** Whoever has more records in a zone has more zones. A list that is cut off would look like loss. */
const maxPages = 100;

type Access = { baseUrl: string; token: string; fetch: typeof fetch };
/** Ways to both clouds of one account. */
export type CloudAccess = { hetzner: Access; cloudflare: Access };
type Server = z.output<typeof serverSchema>;

/** Everything in a project that a state can know, labelled or not: a label may be what has drifted. @throws ClawfleetError */
export async function listHetzner(access: Access): Promise<SeenObject[]> {
  const http = createCloudHttp({ cloud: "hetzner", ...access });
  const list = async <Item>(kind: string, item: z.ZodType<Item>, filter = {}) =>
    await listObjects(http, kind, item, { sort: "id:asc", ...filter });
  return [
    ...(await list("servers", serverSchema)).flatMap(seeServer),
    ...(await list("firewalls", firewallSchema)).map(seeFirewall),
    ...(await list("networks", networkSchema)).flatMap(seeNetwork),
    ...(await list("ssh_keys", sshKeySchema)).map(seeSshKey),
    ...(await list("images", imageSchema, { type: "snapshot" })).map(seeSnapshot),
  ];
}

/** Every record of a zone. @throws ClawfleetError */
export async function listRecords(access: Access, zoneId: string): Promise<SeenObject[]> {
  const http = createCloudHttp({ cloud: "cloudflare", ...access });
  const found: SeenObject[] = [];
  for (let page = 1; page <= maxPages; page += 1) {
    const path = `/zones/${zoneId}/dns_records?per_page=${cloudflarePage}&page=${page}`;
    const answer = await http.readList(path, recordsPage);
    for (const record of answer.result) {
      const owner = parseRecordComment(record.comment ?? "") ?? null;
      found.push({ ...toRecord(record.id, record), owner, zoneId });
    }
    if (page >= answer.result_info.total_pages) return found;
  }
  throw new ClawfleetError({
    code: "cloud_unavailable",
    message: `cloudflare: GET /zones/${zoneId}/dns_records: the list has no end`,
    retry: { kind: "blocked", by: "cloudflare" },
    remedy: "look at CLOUDFLARE_BASE_URL and at Cloudflare's status page",
  });
}

type Firewall = z.output<typeof firewallSchema>;
type Network = z.output<typeof networkSchema>;

function seeFirewall(firewall: Firewall): SeenObject {
  const rules = firewall.rules.map(({ source_ips, destination_ips, ...rule }) => ({
    ...rule,
    sourceIps: source_ips,
    destinationIps: destination_ips,
  }));
  return {
    ...toFirewall(String(firewall.id), { ...firewall, rules }),
    owner: ownerOf(firewall.labels),
  };
}

function seeNetwork(network: Network): SeenObject[] {
  const owner = ownerOf(network.labels);
  const subnets = network.subnets.map((subnet) =>
    toSubnet({ networkId: network.id, ipRange: subnet.ip_range, networkZone: subnet.network_zone }),
  );
  const whole = toNetwork(String(network.id), { ...network, ipRange: network.ip_range });
  return [whole, ...subnets].map((object) => ({ ...object, owner }));
}

function seeServer(server: Server): SeenObject[] {
  const owner = ownerOf(server.labels);
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
  const billed = {
    type: server.server_type.name,
    location: server.location.name,
    backups: server.backup_window !== null,
    ipv4: server.public_net.ipv4 !== null,
  };
  return [{ ...object, owner, billed }, ...attachments.map((one) => ({ ...one, owner }))];
}

function seeSshKey(key: z.output<typeof sshKeySchema>): SeenObject {
  return { ...toSshKey(String(key.id), key), owner: ownerOf(key.labels) };
}

/** Its size is known once it is taken. */
function seeSnapshot(image: z.output<typeof imageSchema>): SeenObject {
  const { id, description: name, image_size: sizeGb } = image;
  const billed = sizeGb === null ? {} : { billed: { sizeGb } };
  return {
    kind: "snapshot",
    id: String(id),
    name,
    properties: {},
    owner: ownerOf(image.labels),
    ...billed,
  };
}

function firstHost(network: string): string {
  return network.replace(/::\/\d+$/, "::1");
}

/** Null for what is not ours. */
function ownerOf(found: Record<string, string>): string | null {
  if (found[managedBy.key] !== managedBy.value) return null;
  const cell = found[labelKeys.cell];
  return (
    found[labelKeys.instance] ??
    found[carrierLabelKeys.instance] ??
    (cell === undefined ? null : cellStack(cell))
  );
}
