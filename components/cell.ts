/** What the instances of one cell share: the private network, the backend's SSH key, the DNS zone. */
import { getIpRangesOutput } from "@pulumi/cloudflare/getIpRanges.js";
import { getZoneOutput } from "@pulumi/cloudflare/getZone.js";
import { Network } from "@pulumi/hcloud/network.js";
import { NetworkSubnet } from "@pulumi/hcloud/networkSubnet.js";
import { SshKey } from "@pulumi/hcloud/sshKey.js";
import * as pulumi from "@pulumi/pulumi";
import { cellLabels, cellObjectName } from "./naming.ts";

export type CellArgs = {
  /** Name of the cell. Renames network and key in place. */
  name: string;
  /** IPv4 range of the network. REPLACES the network. */
  networkRange: string;
  /** Range within it that instances get addresses from. Replaces the subnet. */
  subnetRange: string;
  /** Hetzner network zone. Replaces the subnet. */
  networkZone: string;
  /** Domain of an existing zone at Cloudflare. */
  zone: string;
  /** Domains of existing zones in which customers may have names of their own. Looked up. */
  customZones: readonly string[];
  /** Public half of the cell's key pair. REPLACES the key; existing servers keep the old one. */
  sshPublicKey: string;
};

export class Cell extends pulumi.ComponentResource {
  readonly networkId: pulumi.Output<string>;
  readonly subnetId: pulumi.Output<string>;
  readonly sshKeyId: pulumi.Output<string>;
  readonly zoneId: pulumi.Output<string>;
  readonly zoneName: pulumi.Output<string>;
  /** Ids by name. */
  readonly customZones: pulumi.Output<Record<string, string>>;
  readonly cloudflareRanges: pulumi.Output<string[]>;

  constructor(name: string, args: CellArgs, opts: pulumi.ComponentResourceOptions) {
    super("clawfleet:index:Cell", name, {}, opts);
    const labels = cellLabels(args.name);
    const network = new Network(
      "network",
      { name: cellObjectName(args.name), ipRange: args.networkRange, labels },
      { parent: this },
    );
    const subnet = new NetworkSubnet(
      "subnet",
      {
        networkId: network.id.apply(Number),
        type: "cloud",
        networkZone: args.networkZone,
        ipRange: args.subnetRange,
      },
      { parent: this },
    );
    const sshKey = new SshKey(
      "ssh-key",
      { name: cellObjectName(args.name), publicKey: args.sshPublicKey.trim(), labels },
      // The name is unique and the provider does not say so itself.
      { parent: this, deleteBeforeReplace: true },
    );
    const findZone = (domain: string) => getZoneOutput({ filter: { name: domain } }, { parent: this });
    const zone = findZone(args.zone);
    const ranges = getIpRangesOutput({}, { parent: this });

    this.networkId = network.id;
    this.subnetId = subnet.id;
    this.sshKeyId = sshKey.id;
    this.zoneId = zone.zoneId;
    this.zoneName = zone.name;
    this.customZones = pulumi.output(
      Object.fromEntries(args.customZones.map((custom) => [custom, findZone(custom).zoneId])),
    );
    this.cloudflareRanges = ranges.apply((all) => [...all.ipv4Cidrs, ...all.ipv6Cidrs].toSorted());
    this.registerOutputs({
      networkId: this.networkId,
      subnetId: this.subnetId,
      sshKeyId: this.sshKeyId,
      zoneId: this.zoneId,
      zoneName: this.zoneName,
      customZones: this.customZones,
      cloudflareRanges: this.cloudflareRanges,
    });
  }
}
