/** The schemas of everything a person writes in `stacks/`, and of the document that the program runs on. Pure. */
import { z } from "zod";

const slugPattern = /^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

/** A DNS label of 1 to 32 characters that starts with a letter; it names the stack, the server and the address. */
export const slugSchema = z
  .string()
  .regex(slugPattern, "1 to 32 of a-z, 0-9 and inner hyphens, starting with a letter")
  .refine((slug) => !slug.includes("--"), "no two hyphens in a row");

export const cellNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9]{0,15}$/, "1 to 16 of a-z and 0-9, starting with a letter");

export const planIdSchema = z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, "a plan id such as starter");

const locations = ["fsn1", "nbg1", "hel1", "ash", "hil", "sin"] as const;
/** Hetzner locations (source: Hetzner Cloud API, `/locations`). */
export const locationSchema = z.enum(locations);
export type Location = z.infer<typeof locationSchema>;

const networkZones = ["eu-central", "us-east", "us-west", "ap-southeast"] as const;
export type NetworkZone = (typeof networkZones)[number];

/** Servers of these locations can join a network of this zone, and no others (source: Hetzner Cloud API, `/locations`). */
const zoneOfLocation: Record<Location, NetworkZone> = {
  fsn1: "eu-central",
  nbg1: "eu-central",
  hel1: "eu-central",
  ash: "us-east",
  hil: "us-west",
  sin: "ap-southeast",
};

export function networkZoneOf(location: Location): NetworkZone {
  return zoneOfLocation[location];
}

export const serverTypeSchema = z
  .string()
  .regex(/^(cx|cpx|ccx|cax)\d{2}$/, "a Hetzner server type such as cx23");

export const versionSchema = z
  .string()
  .regex(/^\d{4}\.\d{1,2}\.\d{1,3}$/, "an OpenClaw release such as 2026.9.6");

function isPortRange(text: string): boolean {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const from = Number(first ?? 0);
  const to = Number(last ?? from);
  return from >= 1 && from <= to && to <= 65_535;
}

export const firewallRuleSchema = z.strictObject({
  description: z.string().max(255),
  protocol: z.enum(["tcp", "udp"]),
  port: z.string().refine(isPortRange, 'a port such as "8443" or a range such as "5000-5010"'),
  sourceIps: z
    .array(z.union([z.cidrv4(), z.cidrv6()], "a CIDR such as 192.0.2.0/24 or ::/0"))
    .min(1)
    .max(100),
});

/** A DNS name of at least two labels, in lower case and without a dot at its end. */
export const domainSchema = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/,
    "a domain name in lower case such as assistant.firm.example",
  );

/** A Hetzner network takes 100 members (source: Hetzner Cloud limits); with reach `private` the backend is one of them. */
const networkMembers = 100;

const backendAddressSchema = z
  .union([z.cidrv4(), z.cidrv6()], "a CIDR such as 203.0.113.7/32")
  .refine((range) => !range.endsWith("/0"), "the backend's own addresses, not the whole world");

/** One network in an account and what its instances share: `stacks/Pulumi.cell.<name>.yaml`, keys `clawfleet:*`. */
export const cellSettingsSchema = z
  .strictObject({
    /** Account whose tokens are used: HCLOUD_TOKEN_<ACCOUNT> and CLOUDFLARE_API_TOKEN_<ACCOUNT>, or without suffix for `default`; never another account's (accounts.ts). */
    account: z
      .string()
      .regex(/^[a-z][a-z0-9]{0,15}$/)
      .default("default"),
    /** DNS zone at Cloudflare; an instance's address is `<slug>.<zone>`. Cells may share one, and its records with it. */
    zone: z.string().regex(/^([a-z0-9-]+\.)+[a-z]{2,}$/, "a domain name such as example.com"),
    /**
     * Zones of the same Cloudflare account in which customers may have a domain of their own (`clawfleet:customDomain`). One that
     * a customer has a domain in stays known when it is taken out.
     */
    customZones: z.array(domainSchema).max(100).default([]),
    /** Only plans with a location in this zone get instances here. */
    networkZone: z.enum(networkZones).default("eu-central"),
    networkRange: z.cidrv4().default("10.0.0.0/16"),
    subnetRange: z.cidrv4().default("10.0.0.0/24"),
    /** Private address of the backend; SSH and the gateway port are open to it alone. */
    backendPrivateIp: z.ipv4().default("10.0.0.2"),
    /** `private`: workers reach instances through the cell's network. `public`: over the public address, open to `backendPublicIps` only. */
    reach: z.enum(["private", "public"]).default("private"),
    /** CIDRs of the public addresses of every worker; needed with reach `public`. */
    backendPublicIps: z.array(backendAddressSchema).max(100).default([]),
    sshPort: z.number().int().min(1).max(65_535).default(22),
    /** `ubuntu-24.04`, `debian-12`, `debian-13`, or the id of a golden image. A change replaces the servers of new instances only. */
    image: z.string().default("ubuntu-24.04"),
    /** OpenClaw release of instances without an override. */
    openclawVersion: versionSchema.default("2026.9.6"),
    /** Most instances placed here: at most 99 with reach `private`, 100 with `public`. */
    capacity: z.number().int().min(1).max(networkMembers).default(90),
    /** Records that instances may have in the zone: what its Cloudflare plan allows, less your own (200 on Free, 3,500 else). */
    recordQuota: z.number().int().min(0).max(3500).default(200),
    /**
     * PEM of the authority that signs Cloudflare's client certificate (authenticated origin pulls, switched on for the zone).
     * With it a server talks to nobody else on 443; without it Hetzner's firewall alone tells Cloudflare apart. In place.
     */
    originPullCa: z
      .string()
      .regex(/^-----BEGIN CERTIFICATE-----\n[\s\S]+-----END CERTIFICATE-----\n?$/, "a certificate in PEM")
      .optional(),
    /** Cloudflare plan of the zone allows record tags (none on Free). */
    dnsTags: z.boolean().default(false),
  })
  .refine(({ reach, backendPublicIps }) => reach === "private" || backendPublicIps.length > 0, {
    path: ["backendPublicIps"],
    message: "reach public needs the backend's own addresses, or nobody can come in",
  })
  .refine(({ zone, customZones }) => !customZones.includes(zone), {
    path: ["customZones"],
    message: "the cell's own zone is none of them: clawfleet:address gives names there",
  })
  .refine(({ reach, capacity }) => reach === "public" || capacity < networkMembers, {
    path: ["capacity"],
    message: "at most 99 with reach private: the backend is a member of the network too",
  });
export type CellSettings = z.infer<typeof cellSettingsSchema>;

/** What a person changed for one customer: `stacks/Pulumi.<slug>.yaml`, keys `clawfleet:*`. Everything is optional. */
export const overrideSchema = z.strictObject({
  /** Plan that replaces the one paid for. */
  plan: planIdSchema.optional(),
  /** Changes in place where the disk allows it. */
  serverType: serverTypeSchema.optional(),
  /** Moves the customer: a snapshot of the server, and a new one made from it there. Minutes without an answer. */
  location: locationSchema.optional(),
  /** DNS label in place of the name: records in place, certificate anew, the server stays. The name stays reserved. */
  address: slugSchema.optional(),
  /** A name beside the own one, in a zone of the cell's `customZones`, and shown in its place: records, certificate anew, the server stays. */
  customDomain: domainSchema.optional(),
  /** Changes in place. */
  openclawVersion: versionSchema.optional(),
  /** Leaves the instance as it is, whatever billing says; never deletes it. */
  hold: z.boolean().optional(),
  /** Keeps an existing customer running, whatever billing says, for as long as this stands. */
  comped: z.boolean().optional(),
  extraFirewallRules: z.array(firewallRuleSchema).max(20).optional(),
});

export type Override = z.infer<typeof overrideSchema>;

export const phases = ["running", "suspended", "archived", "gone"] as const;
export type Phase = (typeof phases)[number];

/** Customer secrets of an instance, sealed in its row. A key that is absent is not configured. */
export const instanceSecretsSchema = z.strictObject({
  /** OpenSSH private key (ed25519) of the machine; goes into user data, which is marked secret. */
  hostKeyPrivate: z.string(),
  hostKeyPublic: z.string(),
  gatewayToken: z.string().min(32),
  /** Environment of the gateway beyond its token, e.g. ANTHROPIC_API_KEY, TELEGRAM_BOT_TOKEN. */
  environment: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.string()).default({}),
});
export type InstanceSecrets = z.infer<typeof instanceSecretsSchema>;

/** Secrets of a cell, sealed in its row: the key pair with which workers reach its instances. */
export const cellSecretsSchema = z.strictObject({ sshPrivateKey: z.string(), sshPublicKey: z.string() });
export type CellSecrets = z.infer<typeof cellSecretsSchema>;
