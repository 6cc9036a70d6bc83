/** DNS records of the simulated Cloudflare: rules, duplicates, filters. */
import { randomBytes } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import { CloudflareRefusal } from "./envelope.ts";
import { commentLimit, recordQuota, tagLimit, type DnsRecord, type Zone } from "./model.ts";

export type RecordInput = {
  name?: string;
  type?: string;
  content?: string;
  proxied?: boolean;
  ttl?: number;
  comment?: string | null;
  tags?: string[];
  priority?: number;
};

export type RecordStore = {
  list(zone: Zone, query: URLSearchParams): DnsRecord[];
  find(zone: Zone, id: string): DnsRecord;
  create(zone: Zone, input: RecordInput): DnsRecord;
  /** PUT: everything that is not given goes back to its default. */
  replace(zone: Zone, id: string, input: RecordInput): DnsRecord;
  /** PATCH: only what is given changes. */
  change(zone: Zone, id: string, input: RecordInput): DnsRecord;
  remove(zone: Zone, id: string): DnsRecord;
  /** Of every zone. */
  all(): DnsRecord[];
  byName(name: string): DnsRecord[];
  /** A copy to return to when a batch fails. */
  snapshot(): () => void;
};

const proxiable: ReadonlySet<string> = new Set(["A", "AAAA", "CNAME"]);
const addressTypes: ReadonlySet<string> = new Set(["A", "AAAA"]);

export function createRecordStore(now: () => Date): RecordStore {
  let records = new Map<string, DnsRecord>();
  let names = new Map<string, Set<DnsRecord>>();

  const index = (record: DnsRecord) => {
    const set = names.get(record.name) ?? new Set();
    names.set(record.name, set.add(record));
  };
  const unindex = (record: DnsRecord) => {
    names.get(record.name)?.delete(record);
  };
  const byName = (name: string) => [...(names.get(name) ?? [])];
  const inZone = (zone: Zone) => [...records.values()].filter((record) => record.zoneId === zone.id);

  const find = (zone: Zone, id: string): DnsRecord => {
    const record = records.get(id);
    if (!record || record.zoneId !== zone.id) throw new CloudflareRefusal("noRecord");
    return record;
  };

  /** Several A records of one name are legal, identical ones and a CNAME beside anything are not. */
  function refuseConflicts(wanted: DnsRecord): void {
    for (const other of byName(wanted.name)) {
      if (other.id === wanted.id || other.zoneId !== wanted.zoneId) continue;
      if (other.type === wanted.type && other.content === wanted.content)
        throw new CloudflareRefusal("sameRecord");
      const involved = [other.type, wanted.type];
      const hosts = involved.every((type) => proxiable.has(type));
      if (hosts && involved.includes("CNAME")) throw new CloudflareRefusal("hostTaken");
    }
  }

  function put(record: DnsRecord, before: DnsRecord | undefined): DnsRecord {
    refuseConflicts(record);
    if (before) unindex(before);
    records.set(record.id, record);
    index(record);
    return record;
  }

  return {
    list: (zone, query) => inZone(zone).filter((record) => matches(record, query)),
    find,
    create(zone, input) {
      if (inZone(zone).length >= recordQuota[zone.plan]) throw new CloudflareRefusal("quota");
      return put(build(zone, input, undefined, now()), undefined);
    },
    replace(zone, id, input) {
      const before = find(zone, id);
      return put(build(zone, input, before, now()), before);
    },
    change(zone, id, input) {
      const before = find(zone, id);
      return put(build(zone, { ...toInput(before), ...input }, before, now()), before);
    },
    remove(zone, id) {
      const record = find(zone, id);
      unindex(record);
      records.delete(id);
      return record;
    },
    all: () => [...records.values()],
    byName,
    snapshot() {
      const kept = new Map(records);
      return () => {
        records = kept;
        names = new Map();
        for (const record of records.values()) index(record);
      };
    },
  };
}

function toInput(record: DnsRecord): RecordInput {
  const { name, type, content, proxied, ttl, comment, tags, priority } = record;
  return {
    name,
    type,
    content,
    proxied,
    ttl,
    comment,
    tags,
    ...(priority === undefined ? {} : { priority }),
  };
}

function build(zone: Zone, input: RecordInput, before: DnsRecord | undefined, at: Date): DnsRecord {
  const { name, type, content } = input;
  if (!name || !type || !content) throw new CloudflareRefusal("invalid");
  const proxied = input.proxied ?? false;
  const tags = input.tags ?? [];
  const comment = input.comment ?? null;
  check(zone, { type, content, proxied, ttl: input.ttl ?? 1, tags, comment });
  const commentChanged = comment !== (before?.comment ?? null);
  const tagsChanged = tags.join() !== (before?.tags ?? []).join();
  return {
    id: before?.id ?? randomBytes(16).toString("hex"),
    zoneId: zone.id,
    name: toFqdn(name, zone),
    type,
    content,
    proxied,
    ttl: proxied ? 1 : (input.ttl ?? 1),
    comment,
    tags,
    priority: input.priority,
    createdOn: before?.createdOn ?? at,
    modifiedOn: at,
    commentModifiedOn:
      comment === null || comment === "" ? undefined : commentChanged ? at : before?.commentModifiedOn,
    tagsModifiedOn: tags.length === 0 ? undefined : tagsChanged ? at : before?.tagsModifiedOn,
  };
}

type Checked = {
  type: string;
  content: string;
  proxied: boolean;
  ttl: number;
  tags: string[];
  comment: string | null;
};

function check(zone: Zone, { type, content, proxied, ttl, tags, comment }: Checked): void {
  if (type === "A" && !isIPv4(content)) throw new CloudflareRefusal("badContent");
  if (type === "AAAA" && !isIPv6(content)) throw new CloudflareRefusal("badContent6");
  if (proxied && !proxiable.has(type)) throw new CloudflareRefusal("badProxied");
  if (ttl !== 1 && (ttl < 60 || ttl > 86_400)) throw new CloudflareRefusal("badTtl");
  if (tags.length > tagLimit[zone.plan]) {
    throw new CloudflareRefusal(
      "badTags",
      `DNS record has ${tags.length} tags, exceeding the quota of ${tagLimit[zone.plan]}.`,
    );
  }
  if ((comment ?? "").length > commentLimit[zone.plan]) throw new CloudflareRefusal("badComment");
}

/** "@" and bare labels become full names; a trailing dot goes. */
function toFqdn(name: string, zone: Zone): string {
  const plain = name.replace(/\.$/, "").toLowerCase();
  if (plain === "@" || plain === zone.name) return zone.name;
  return plain.endsWith(`.${zone.name}`) ? plain : `${plain}.${zone.name}`;
}

const textFilters = ["name", "content", "comment"] as const;
type TextTest = (value: string, wanted: string) => boolean;
const textTests: Record<string, TextTest> = {
  "": (value, wanted) => value === wanted,
  ".exact": (value, wanted) => value === wanted,
  ".contains": (value, wanted) => value.includes(wanted),
  ".startswith": (value, wanted) => value.startsWith(wanted),
  ".endswith": (value, wanted) => value.endsWith(wanted),
};

function matches(record: DnsRecord, query: URLSearchParams): boolean {
  const results: boolean[] = [];
  for (const field of textFilters) {
    for (const [suffix, test] of Object.entries(textTests)) {
      const wanted = query.get(`${field}${suffix}`);
      if (wanted !== null) results.push(test((record[field] ?? "").toLowerCase(), wanted.toLowerCase()));
    }
  }
  const type = query.get("type");
  if (type !== null) results.push(record.type === type);
  const proxied = query.get("proxied");
  if (proxied !== null) results.push(String(record.proxied) === proxied);
  const tag = query.get("tag") ?? query.get("tag.exact");
  if (tag !== null) results.push(record.tags.includes(tag));
  if (query.has("comment.present")) results.push((record.comment ?? "") !== "");
  if (query.has("comment.absent")) results.push((record.comment ?? "") === "");
  if (results.length === 0) return true;
  return query.get("match") === "any" ? results.some(Boolean) : results.every(Boolean);
}

export function toApiRecord(record: DnsRecord): Record<string, unknown> {
  return {
    id: record.id,
    name: record.name,
    type: record.type,
    content: record.content,
    proxiable: proxiable.has(record.type) || addressTypes.has(record.type),
    proxied: record.proxied,
    ttl: record.ttl,
    settings: {},
    meta: {},
    comment: record.comment,
    tags: record.tags,
    created_on: record.createdOn.toISOString(),
    modified_on: record.modifiedOn.toISOString(),
    ...(record.priority === undefined ? {} : { priority: record.priority }),
    ...(record.commentModifiedOn ? { comment_modified_on: record.commentModifiedOn.toISOString() } : {}),
    ...(record.tagsModifiedOn ? { tags_modified_on: record.tagsModifiedOn.toISOString() } : {}),
  };
}
