/** Inputs and outputs of one usual instance, for tests that change a thing or two in them. */
import { cellSettingsSchema } from "../../infra/config.ts";
import { planSchema, type Plan } from "../../infra/plans.ts";
import type { InstanceInputs } from "../../infra/inputs.ts";
import type { InstanceOutputs } from "../../infra/outputs.ts";

/** Every secret that an instance has; none may ever be seen outside of a Pulumi secret. */
export const instanceSecrets = {
  hostKeyPrivate:
    "-----BEGIN OPENSSH PRIVATE KEY-----\nhost-key-of-the-machine\n-----END OPENSSH PRIVATE KEY-----\n",
  sshPrivateKey:
    "-----BEGIN OPENSSH PRIVATE KEY-----\nkey-of-the-backend\n-----END OPENSSH PRIVATE KEY-----\n",
  gatewayToken: "gateway-token-gateway-token-gateway",
  anthropicKey: "sk-ant-customer",
  hcloudToken: "hcloud-token-hcloud-token",
  cloudflareToken: "cloudflare-token-cloudflare",
} as const;

export const hostKeyPublic = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPublic";

export function makePlan(change: Partial<Plan> = {}): Plan {
  return {
    ...planSchema.parse({
      name: "Starter",
      summary: "One assistant.",
      stripeLookupKey: "starter-monthly",
      serverTypes: ["cx23", "cx33"],
      locations: ["nbg1", "fsn1"],
    }),
    ...change,
  };
}

export function makeInstanceInputs(change: Partial<InstanceInputs> = {}): InstanceInputs {
  return {
    kind: "instance",
    snapshotId: null,
    id: "01j9instance",
    slug: "anna",
    phase: "running",
    plan: makePlan(),
    override: {},
    placement: { serverType: "cx23", location: "nbg1" },
    privateIp: "10.0.0.7",
    established: false,
    cell: {
      name: "eu1",
      settings: cellSettingsSchema.parse({ zone: "claws.example" }),
      outputs: {
        networkId: "11",
        subnetId: "11-10.0.0.0/24",
        sshKeyId: "22",
        zoneId: "0123456789abcdef0123456789abcdef",
        zoneName: "claws.example",
        customZones: {},
        cloudflareRanges: ["173.245.48.0/20", "2400:cb00::/32"],
      },
      sshPrivateKey: instanceSecrets.sshPrivateKey,
    },
    secrets: {
      hostKeyPrivate: instanceSecrets.hostKeyPrivate,
      hostKeyPublic,
      gatewayToken: instanceSecrets.gatewayToken,
      environment: { ANTHROPIC_API_KEY: instanceSecrets.anthropicKey },
    },
    credentials: {
      hcloudToken: instanceSecrets.hcloudToken,
      cloudflareToken: instanceSecrets.cloudflareToken,
    },
    generation: 1,
    converged: false,
    pollInterval: "1s",
    ...change,
  };
}

/** What its stack gives once it is up. */
export const instanceOutputs: InstanceOutputs = {
  serverId: "1",
  serverType: "cx23",
  location: "nbg1",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  privateIp: "10.0.0.7",
  url: "https://anna.claws.example",
  hosts: ["anna.claws.example"],
  openclawVersion: "2026.9.6",
  health: "started 2026.9.6",
};
