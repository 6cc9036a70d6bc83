/** Limits as data: those of the product, which always hold, and those of an account, which a test may set. */

/** Hetzner's documentation (facts.md section 3); what is recalled only is marked so there. */
export const productLimits = {
  userDataBytes: 32 * 1024,
  firewallsPerServer: 5,
  rulesPerFirewall: 50,
  addressesPerRule: 100,
  effectiveRulesPerServer: 500,
  networkMembers: 100,
  networksPerServer: 3,
  aliasIps: 5,
  subnetsPerNetwork: 50,
  routesPerNetwork: 100,
  serversPerSpreadGroup: 10,
  volumesPerServer: 16,
  volumeMinGb: 10,
  volumeMaxGb: 10_240,
  ipv6PointersPerAddress: 100,
  backupSlots: 7,
  perPageMax: 50,
  perPageDefault: 25,
} as const;

/** How many of each an account may have; not readable by API. New accounts start with about 5 to 10 servers. */
export type AccountLimits = {
  servers: number;
  cores: number;
  primaryIps: number;
  volumes: number;
  networks: number;
  firewalls: number;
  snapshots: number;
  placementGroups: number;
  sshKeys: number;
};

export const noAccountLimits: AccountLimits = {
  servers: Infinity,
  cores: Infinity,
  primaryIps: Infinity,
  volumes: Infinity,
  networks: Infinity,
  firewalls: Infinity,
  snapshots: Infinity,
  placementGroups: Infinity,
  sshKeys: Infinity,
};

/** Message and machine name of an exceeded account limit. */
export const limitTexts: Record<keyof AccountLimits, { message: string; name: string }> = {
  servers: { message: "server limit exceeded", name: "server_limit" },
  cores: { message: "core limit exceeded", name: "core_limit" },
  primaryIps: { message: "Primary IP limit exceeded", name: "primary_ip_limit" },
  volumes: { message: "volume limit exceeded", name: "volume_limit" },
  networks: { message: "network limit exceeded", name: "network_limit" },
  firewalls: { message: "firewall limit exceeded", name: "firewall_limit" },
  snapshots: { message: "snapshot limit exceeded", name: "snapshot_limit" },
  placementGroups: { message: "placement group limit exceeded", name: "placement_group_limit" },
  sshKeys: { message: "SSH key limit exceeded", name: "ssh_key_limit" },
};
