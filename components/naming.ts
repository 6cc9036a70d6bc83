/** Names, labels and comments by which every cloud object can be found again from its instance's id. Pure. */

/** Label that every object of ours carries at Hetzner; a leaked object is one with it and without a row. */
export const managedBy = { key: "managed-by", value: "clawfleet" } as const;

export const labelKeys = {
  instance: "clawfleet-instance",
  slug: "clawfleet-slug",
  cell: "clawfleet-cell",
} as const;

/**
 * On the passing server that carries an instance's files to another disk: whose they are, and, once all of them are on it, of
 * which copy. It has no label of the instance's own, so that nobody takes it for the customer's server.
 */
export const carrierLabelKeys = { instance: "clawfleet-carrier", filled: "clawfleet-filled" } as const;

/** On snapshots that stand in for an archived server: when the archiving began, milliseconds since 1970. */
export const archiveLabel = "clawfleet-archive";

export type InstanceIdentity = { id: string; slug: string; cell: string };

/** Valid Hetzner labels: at most 63 of letters, digits, `-_.` (source: Hetzner Cloud API, Labels). */
export function instanceLabels(instance: InstanceIdentity): Record<string, string> {
  return {
    [managedBy.key]: managedBy.value,
    [labelKeys.instance]: instance.id,
    [labelKeys.slug]: instance.slug,
    [labelKeys.cell]: instance.cell,
  };
}

export function cellLabels(cell: string): Record<string, string> {
  return { [managedBy.key]: managedBy.value, [labelKeys.cell]: cell };
}

/** Selects the objects of one instance in a Hetzner list call. */
export function instanceSelector(instanceId: string): string {
  return `${managedBy.key}=${managedBy.value},${labelKeys.instance}=${instanceId}`;
}

export function carrierLabels({ id, slug }: Pick<InstanceIdentity, "id" | "slug">): Record<string, string> {
  return {
    [managedBy.key]: managedBy.value,
    [carrierLabelKeys.instance]: id,
    [labelKeys.slug]: slug,
  };
}

export function carrierSelector(instanceId: string): string {
  return `${managedBy.key}=${managedBy.value},${carrierLabelKeys.instance}=${instanceId}`;
}

/** No slug makes a server of this name: theirs begin with `cf-`. */
export function carrierName(instanceId: string): string {
  return `clawfleet-carrier-${instanceId}`;
}

/** Selects what a cell's own stack made; instances carry its name too, on servers and firewalls. */
export function cellSelector(cell: string): string {
  return `${managedBy.key}=${managedBy.value},${labelKeys.cell}=${cell},!${labelKeys.instance}`;
}

/** Name of the server and of its firewall; unique in a project, an RFC 1123 host name. */
export function serverName(slug: string): string {
  return `cf-${slug}`;
}

export function cellObjectName(cell: string): string {
  return `cf-cell-${cell}`;
}

/** The server in an instance's state; `clawfleet` is the project (source: Pulumi, URN: the types of the parents joined by `$`). */
export function serverUrn(slug: string): string {
  const type = "clawfleet:index:AssistantInstance$hcloud:index/server:Server";
  return `urn:pulumi:${instanceStack(slug)}::clawfleet::${type}::server`;
}

/** The DNS label of an instance: its name, unless a person gave it another one. */
export function addressOf({
  slug,
  override,
}: {
  slug: string;
  override: { address?: string | undefined };
}): string {
  return override.address ?? slug;
}

/** Public name of an instance, without a trailing dot: the form that Cloudflare's API answers with. */
export function instanceHost(slug: string, zone: string): string {
  return `${slug}.${zone}`;
}

/**
 * Logical name of a record of a customer's own domain. Of another zone it is another resource: the old one goes once the new one
 * is there, and what a dead run made can be imported, which under the name of one being replaced it cannot.
 */
export function domainRecordName(type: "a" | "aaaa", zone: string): string {
  return `domain-record-${type}-${zone}`;
}

/** DNS records of one instance, A and AAAA: what it takes of the zone's quota. */
export const recordsPerInstance = 2;

/** Comment on DNS records; filterable by `comment.exact`, below the 100 characters of a free zone. */
export function recordComment(instanceId: string): string {
  return `clawfleet instance ${instanceId}`;
}

/** The instance that a comment names; undefined for anybody else's. */
export function parseRecordComment(comment: string): string | undefined {
  return /^clawfleet instance ([a-z0-9]+)$/.exec(comment)?.[1];
}

export function instanceStack(slug: string): string {
  return slug;
}

const cellStackPrefix = "cell.";

export function cellStack(cell: string): string {
  return `${cellStackPrefix}${cell}`;
}

/** Name of the cell when the stack is a cell's, else undefined. A slug holds no dot. */
export function parseCellStack(stack: string): string | undefined {
  return stack.startsWith(cellStackPrefix) ? stack.slice(cellStackPrefix.length) : undefined;
}

/** Names that a customer cannot have: ours, those that mail and browsers give a meaning, and those that mislead. */
const reservedSlugs: ReadonlySet<string> = new Set(
  [
    "abuse admin administrator api app apps assets auth autoconfig autodiscover backend billing blog cdn cell cells",
    "clawfleet cloudflare console dashboard demo dev dns docs download email example fleet ftp gateway git grafana",
    "hcloud help hetzner hostmaster imap info internal invoice invoices join key localhost login logs mail",
    "metrics mta mx news noc ns ns1 ns2 openclaw operator ops pay payment payments pop pop3 postmaster private",
    "prometheus proxy public pulumi register root sandbox security shop signup smtp spare sql ssh ssl staging static",
    "status store stripe support sync system test tls vpn webhook webhooks webmaster webmail wpad www",
  ]
    .join(" ")
    .split(" "),
);

export function isReservedSlug(slug: string): boolean {
  return reservedSlugs.has(slug);
}
