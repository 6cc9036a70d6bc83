/** The objects of a project as the simulator keeps them; `views.ts` says how the API shows them. */
import type { Labels } from "./label-selector.ts";

export type Location = {
  id: number;
  name: string;
  description: string;
  country: string;
  city: string;
  latitude: number;
  longitude: number;
  network_zone: string;
};

export type Architecture = "x86" | "arm";

export type ServerType = {
  id: number;
  name: string;
  cores: number;
  memoryGb: number;
  diskGb: number;
  cpu: "shared" | "dedicated";
  category: string;
  architecture: Architecture;
  /** Where it is offered, with the price of a month without VAT and whether it can be ordered now. */
  locations: { name: string; monthlyNet: number; available: boolean }[];
  /** When it was announced to go; undefined while it stays. */
  deprecatedAt?: string;
};

export type Row = { id: number; name: string; labels: Labels; created: Date };

export type ImageRow = Row & {
  type: "system" | "snapshot" | "backup";
  status: "creating" | "available";
  description: string;
  imageSizeGb: number | null;
  diskGb: number;
  createdFrom: { id: number; name: string } | null;
  boundTo: number | null;
  osFlavor: "ubuntu" | "debian" | "centos" | "fedora" | "rocky" | "alma" | "opensuse" | "unknown";
  osVersion: string | null;
  architecture: Architecture;
  rapidDeploy: boolean;
  protected: boolean;
  deprecatedAt: Date | null;
  deletedAt: Date | null;
};

export type SshKeyRow = Row & { publicKey: string; fingerprint: string };

export type PlacementGroupRow = Row & { servers: Set<number> };

export type PrimaryIpRow = Row & {
  type: "ipv4" | "ipv6";
  /** An address, or for IPv6 the network: `2001:db8:1:2::/64`. */
  ip: string;
  location: Location;
  server: ServerRow | null;
  autoDelete: boolean;
  protected: boolean;
  /** Names set by the customer, by address. */
  dnsPtr: Map<string, string>;
};

export type VolumeRow = Row & {
  status: "creating" | "available";
  sizeGb: number;
  location: Location;
  server: ServerRow | null;
  format: string | null;
  protected: boolean;
};

export type FirewallRule = {
  description: string | null;
  direction: "in" | "out";
  source_ips: string[];
  destination_ips: string[];
  protocol: "tcp" | "udp" | "icmp" | "esp" | "gre";
  port: string | null;
};

export type FirewallRow = Row & {
  rules: FirewallRule[];
  /** Servers that it was applied to by id. */
  servers: Set<number>;
  /** Selectors that it was applied to, with the servers that match now. */
  selectors: Map<string, Set<number>>;
  /** Set while a change of the rules runs. */
  changing: boolean;
};

export type Subnet = {
  type: "cloud" | "server" | "vswitch";
  ipRange: string;
  zone: string;
  vswitchId: number | null;
};

export type NetworkRow = Row & {
  ipRange: string;
  subnets: Subnet[];
  routes: { destination: string; gateway: string }[];
  /** Who uses which address; aliases included. */
  addresses: Map<string, number>;
  members: Set<number>;
  protected: boolean;
  exposeRoutes: boolean;
  changing: boolean;
};

export type PrivateNet = {
  network: NetworkRow;
  subnet: string;
  ip: string;
  aliasIps: string[];
  mac: string;
  /** As in `/networks/{id}/members`; the server shows the attachment from `ok` on. */
  status: "attaching" | "ok" | "updating" | "detaching";
};

export const serverStatuses = [
  "running",
  "initializing",
  "starting",
  "stopping",
  "off",
  "deleting",
  "migrating",
  "rebuilding",
  "unknown",
] as const;
export type ServerStatus = (typeof serverStatuses)[number];

export type ServerFirewall = { status: "pending" | "applied"; direct: boolean; selectors: Set<string> };

export type ServerRow = Row & {
  status: ServerStatus;
  serverType: ServerType;
  location: Location;
  image: ImageRow | null;
  userData: string;
  sshKeys: string[];
  primaryDiskGb: number;
  ipv4: PrimaryIpRow | null;
  ipv6: PrimaryIpRow | null;
  privateNets: Map<number, PrivateNet>;
  firewalls: Map<number, ServerFirewall>;
  volumes: Set<number>;
  placementGroup: PlacementGroupRow | null;
  backupWindow: string | null;
  rescueUntil: Date | null;
  iso: Iso | null;
  deleteProtected: boolean;
  rebuildProtected: boolean;
  /** How many running actions hold the server; it is `locked` while there is one. */
  locks: number;
  /** False until the first start: the driver makes a machine's disk when it first gets power. */
  hasMachine: boolean;
  /** Deleted: whatever still works on it must leave nothing behind. */
  removed: boolean;
};

export type Iso = { id: number; name: string; description: string; architecture: Architecture };

export const resourceKinds = [
  "server",
  "firewall",
  "network",
  "image",
  "primary_ip",
  "volume",
  "ssh_key",
  "placement_group",
] as const;
export type ResourceKind = (typeof resourceKinds)[number];
