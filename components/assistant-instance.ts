/** One customer's assistant: everything that exists in the clouds and on the machine for them, as one component. */
import { DnsRecord } from "@pulumi/cloudflare/dnsRecord.js";
import { Firewall } from "@pulumi/hcloud/firewall.js";
import { Server } from "@pulumi/hcloud/server.js";
import { ServerNetwork } from "@pulumi/hcloud/serverNetwork.js";
import * as pulumi from "@pulumi/pulumi";
import { renderUserData } from "../cloud-init/user-data.ts";
import type { AssistantInstanceArgs } from "./assistant-instance-args.ts";
import { validateInstance } from "./assistant-instance-args.ts";
import { firewallRules } from "./firewall-rules.ts";
import { createMachineCommands } from "./machine-commands.ts";
import { hostsOf, shownHost, type NamedInstance } from "./hosts.ts";
import { domainRecordName, instanceHost, instanceLabels, recordComment, serverName } from "./naming.ts";

/** Cloudflare's "automatic"; the only one that a proxied record may have. */
const automaticTtl = 1;
/** SSH comes up within seconds of the server; what takes longer is a slow boot and worth some minutes. */
const sshDials = { dialErrorLimit: 100, perDialTimeout: 15 } as const;
const defaultTasks = 512;
const defaultHealthTimeoutMs = 180_000;

export class AssistantInstance extends pulumi.ComponentResource {
  readonly serverId: pulumi.Output<string>;
  readonly serverType: pulumi.Output<string>;
  readonly location: pulumi.Output<string>;
  readonly ipv4: pulumi.Output<string>;
  readonly ipv6: pulumi.Output<string>;
  readonly privateIp: pulumi.Output<string>;
  readonly url: pulumi.Output<string>;
  readonly hosts: string[];
  readonly health: pulumi.Output<string>;

  constructor(name: string, args: AssistantInstanceArgs, opts: pulumi.ComponentResourceOptions) {
    super("clawfleet:index:AssistantInstance", name, {}, opts);
    validateInstance(this, args);

    const firewall = this.createFirewall(args);
    const server = this.createServer(args, firewall);
    const network = this.createNetworkAttachment(args, server);
    const records = [...this.createRecords(args, server), ...this.createDomainRecords(args, server)];
    const { health } = this.createCommands(args, server, [network, ...records]);

    this.serverId = server.id;
    this.serverType = server.serverType;
    this.location = server.location;
    this.ipv4 = server.ipv4Address;
    this.ipv6 = server.ipv6Address;
    this.privateIp = network.ip;
    const named = toNamed(args);
    this.url = pulumi.output(`https://${shownHost(named, args.cell.zone)}`);
    this.hosts = hostsOf(named, args.cell.zone);
    this.health = health.apply((text) => text.trim());
    this.registerOutputs({
      serverId: this.serverId,
      serverType: this.serverType,
      location: this.location,
      ipv4: this.ipv4,
      ipv6: this.ipv6,
      privateIp: this.privateIp,
      url: this.url,
      hosts: this.hosts,
      health: this.health,
    });
  }

  private createFirewall(args: AssistantInstanceArgs): Firewall {
    return new Firewall(
      "firewall",
      {
        name: serverName(args.slug),
        labels: labelsOf(args),
        rules: firewallRules({
          cloudflareRanges: args.cell.cloudflareRanges,
          sshSources: args.cell.reach === "public" ? args.cell.backendPublicIps : [],
          sshPort: args.cell.sshPort,
          extra: args.extraFirewallRules ?? [],
        }),
      },
      { parent: this },
    );
  }

  /** The firewall is named by the server, so that a server never stands without one and dies before it. */
  private createServer(args: AssistantInstanceArgs, firewall: Firewall): Server {
    const userData = pulumi.output(args.secrets.hostKeyPrivate).apply((hostKeyPrivate) =>
      renderUserData({
        hostKeyPrivate,
        hostKeyPublic: args.secrets.hostKeyPublic,
        openclawVersion: args.cell.openclawVersion,
        sshPort: args.cell.sshPort,
        ...(args.cell.reach === "private" ? { sshFrom: args.cell.backendPrivateIp } : {}),
      }),
    );
    return new Server(
      "server",
      {
        name: serverName(args.slug),
        serverType: args.serverType,
        // A disk never shrinks: who goes up on a kept one can come down again in place.
        keepDisk: args.growDisk !== true,
        location: args.location,
        image: args.cell.image,
        labels: labelsOf(args),
        sshKeys: [args.cell.sshKeyId],
        firewallIds: [firewall.id.apply(Number)],
        backups: args.backups,
        deleteProtection: args.protection,
        rebuildProtection: args.protection,
        userData: pulumi.secret(userData),
      },
      {
        parent: this,
        // A newer image or first boot is for new machines; replacing a running one would throw its disk away.
        ignoreChanges: ["image", "userData", "sshKeys"],
        // The provider takes a server whose create action failed for finished on the next run.
        replaceOnChanges: args.replaceUnfinished ? ["#initerror"] : [],
        // Its name is unique in the project.
        deleteBeforeReplace: true,
      },
    );
  }

  private createNetworkAttachment(args: AssistantInstanceArgs, server: Server): ServerNetwork {
    return new ServerNetwork(
      "network",
      { serverId: server.id.apply(Number), subnetId: args.cell.subnetId, ip: args.privateIp },
      // One address can be attached once.
      { parent: this, deleteBeforeReplace: true },
    );
  }

  private createRecords(args: AssistantInstanceArgs, server: Server): DnsRecord[] {
    const tags = args.cell.dnsTags ? { tags: [`clawfleet:${args.id}`] } : {};
    const place = { zoneId: args.cell.zoneId, name: hostOf(args), ...tags };
    return this.createPair({ a: "record-a", aaaa: "record-aaaa" }, args, server, place);
  }

  /** Without tags: what the plan of another zone allows is another matter. */
  private createDomainRecords(args: AssistantInstanceArgs, server: Server): DnsRecord[] {
    if (args.customDomain === undefined) return [];
    const { name, zone, zoneId } = args.customDomain;
    const names = { a: domainRecordName("a", zone), aaaa: domainRecordName("aaaa", zone) };
    return this.createPair(names, args, server, { name, zoneId });
  }

  private createPair(
    logicalNames: { a: string; aaaa: string },
    args: AssistantInstanceArgs,
    server: Server,
    place: { zoneId: string; name: string; tags?: string[] },
  ): DnsRecord[] {
    const common = { ...place, proxied: true, ttl: automaticTtl, comment: recordComment(args.id) };
    // Two records of one name would split the traffic, so the old one goes first.
    const opts = { parent: this, deleteBeforeReplace: true };
    return [
      new DnsRecord(logicalNames.a, { ...common, type: "A", content: server.ipv4Address }, opts),
      new DnsRecord(logicalNames.aaaa, { ...common, type: "AAAA", content: server.ipv6Address }, opts),
    ];
  }

  private createCommands(args: AssistantInstanceArgs, server: Server, dependsOn: pulumi.Resource[]) {
    const domain = args.customDomain?.name;
    const names = { host: hostOf(args), ...(domain === undefined ? {} : { domain }) };
    const secrets = pulumi.all([args.secrets.gatewayToken, args.secrets.environment]);
    return createMachineCommands(
      {
        connection: {
          host: args.cell.reach === "public" ? server.ipv4Address : args.privateIp,
          port: args.cell.sshPort,
          user: "root",
          privateKey: args.secrets.sshPrivateKey,
          hostKey: args.secrets.hostKeyPublic,
          ...sshDials,
        },
        serverId: server.id,
        ...names,
        configuration: secrets.apply(([gatewayToken, environment]) => ({
          ...names,
          privateIp: args.privateIp,
          phase: args.phase,
          openclawVersion: args.openclawVersion,
          memoryMb: args.gatewayMemoryMb,
          tasks: args.gatewayTasks ?? defaultTasks,
          model: args.model,
          denyRuntimeTools: args.denyRuntimeTools,
          gatewayToken,
          environment,
          workspace: args.workspace ?? {},
          ...(args.cell.originPullCa === undefined ? {} : { originPullCa: args.cell.originPullCa }),
          ports: (args.extraFirewallRules ?? []).map(({ protocol, port }) => ({ protocol, port })),
        })),
        healthTimeoutMs: args.healthTimeoutMs ?? defaultHealthTimeoutMs,
      },
      { parent: this, dependsOn },
    );
  }
}

function labelsOf(args: AssistantInstanceArgs): Record<string, string> {
  return instanceLabels({ id: args.id, slug: args.slug, cell: args.cell.name });
}

function toNamed({ slug, address, customDomain }: AssistantInstanceArgs): NamedInstance {
  return { slug, override: { address, customDomain: customDomain?.name } };
}

function hostOf(args: AssistantInstanceArgs): string {
  return instanceHost(args.address ?? args.slug, args.cell.zone);
}
