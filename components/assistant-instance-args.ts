/** The contract of an instance: what each argument means and what changing it does to a running one. */
import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import { serverTypeSchema, slugSchema, type firewallRuleSchema, type Location } from "../infra/config.ts";

/** What an instance takes from its cell. */
export type InstanceCell = {
  /** Name of the cell; a label. Changes in place. */
  name: string;
  /** Id `<network>-<range>` of the cell's subnet. A change replaces the network attachment. */
  subnetId: string;
  /** Id of the SSH key that a new server starts with. Ignored on an existing server. */
  sshKeyId: string;
  /** Cloudflare zone, 32 hex digits. A change REPLACES the DNS records. */
  zoneId: string;
  /** Domain of the zone. A change renames the instance: records and configuration in place, certificate replaced. */
  zone: string;
  /** `private`: SSH over the cell's network. `public`: over the server's address, open to `backendPublicIps`. */
  reach: "private" | "public";
  /** With reach `private` the only address from which sshd takes anybody; set up by the first boot. Not changed on an existing server. */
  backendPrivateIp: string;
  /** CIDRs that may open SSH with reach `public`. Changes in place. */
  backendPublicIps: readonly string[];
  /** Where sshd listens; set up by the first boot. Not changed on an existing server. */
  sshPort: number;
  /** Image of a new server. Ignored on an existing one. */
  image: string;
  /** OpenClaw release that a new server installs before it is configured. Ignored on an existing one. */
  openclawVersion: string;
  /** Cloudflare's own ranges, the only ones that reach 443. Changes in place. */
  cloudflareRanges: readonly string[];
  /** PEM of who signs Cloudflare's client certificate; absent: 443 serves every client that the firewall lets in. In place. */
  originPullCa?: string;
  /** The zone's plan allows tags on records. Changes in place. */
  dnsTags: boolean;
};

export type AssistantInstanceArgs = {
  /** Our id, in labels and comments. Never changes. */
  id: string;
  /** The customer's name. Renames server, firewall and records in place; replaces the certificate. */
  slug: string;
  /** DNS label under the zone where it is not the name. Renames the records in place, replaces the certificate; the server stays. */
  address?: string;
  /**
   * The customer's own domain, in another zone of the same Cloudflare account: a name beside the own one, and what is shown in its
   * place. Makes, renames or removes its records, replaces the certificate; the server stays.
   */
  customDomain?: { name: string; zone: string; zoneId: string };
  cell: InstanceCell;
  /** Hetzner server type. In place: the server is powered off, changed and started again; the disk must not shrink. */
  serverType: string;
  /** An upgrade grows the disk for good, and no smaller type fits any more. Looked at with a change of type alone. */
  growDisk?: boolean;
  /** Hetzner location. REPLACES the server and its disk. */
  location: Location;
  /** Address in the cell's subnet. Replaces the network attachment, then configures again. */
  privateIp: string;
  /** `suspended` stops the gateway and keeps the data. In place. */
  phase: "running" | "suspended";
  /**
   * A server whose creation failed on the way is replaced by the next run instead of being taken for finished. Only for an
   * instance that was never ready: the provider reports a failed change of a good server in the same way.
   */
  replaceUnfinished: boolean;
  /** Hetzner's daily backups. In place. */
  backups: boolean;
  /** Delete and rebuild protection at Hetzner. In place. */
  protection: boolean;
  /** Rules beyond the usual ones. In place. */
  extraFirewallRules?: readonly z.infer<typeof firewallRuleSchema>[];
  /** OpenClaw release. In place: installed beside the old one, then the gateway restarts. */
  openclawVersion: string;
  /** Memory limit of the gateway, MB. In place, with a restart of the gateway. */
  gatewayMemoryMb: number;
  /** Most processes and threads of the gateway's unit. Default 512. In place, with a restart of the gateway. */
  gatewayTasks?: number;
  /** Model that answers. In place, without a restart. */
  model: string;
  /** Takes shell and file tools away. In place, without a restart. */
  denyRuntimeTools: boolean;
  /** Files of the workspace by path. In place; never over what the customer has changed. */
  workspace?: Readonly<Record<string, string>>;
  secrets: {
    /** OpenSSH private key of the machine, for its first boot. Ignored on an existing server. */
    hostKeyPrivate: pulumi.Input<string>;
    /** Pinned by every SSH connection. */
    hostKeyPublic: string;
    /** Key with which the backend comes in as root. */
    sshPrivateKey: pulumi.Input<string>;
    /** In place, with a restart of the gateway. */
    gatewayToken: pulumi.Input<string>;
    /** Keys of this customer alone: of models and of channels. In place, with a restart. */
    environment: pulumi.Input<Readonly<Record<string, string>>>;
  };
  /** How long the gateway may take to answer, ms. Default 180,000. */
  healthTimeoutMs?: number;
};

/** @throws pulumi.InputPropertiesError naming every argument that cannot be. */
export function validateInstance(resource: pulumi.Resource, args: AssistantInstanceArgs): void {
  const errors: pulumi.InputPropertyErrorDetails[] = [];
  const check = (propertyPath: string, reason: string | undefined) => {
    if (reason !== undefined) errors.push({ propertyPath, reason });
  };
  check("slug", slugSchema.safeParse(args.slug).error?.issues[0]?.message);
  check("serverType", serverTypeSchema.safeParse(args.serverType).error?.issues[0]?.message);
  check(
    "cell.backendPublicIps",
    args.cell.reach === "public" && args.cell.backendPublicIps.length === 0
      ? "reach public needs the backend's own addresses, or nobody can come in"
      : undefined,
  );
  check(
    "cell.cloudflareRanges",
    args.cell.cloudflareRanges.length === 0 ? "without them nobody reaches 443" : undefined,
  );
  if (errors.length === 0) return;
  const message = `${resource.constructor.name} cannot be made: ${errors.map((error) => `${error.propertyPath}: ${error.reason}`).join("; ")}`;
  throw new pulumi.InputPropertiesError({ message, errors });
}
