/** The stack of one instance: inputs become arguments, the component's properties become outputs. */
import * as pulumi from "@pulumi/pulumi";
import { AssistantInstance } from "../components/assistant-instance.ts";
import type { AssistantInstanceArgs } from "../components/assistant-instance-args.ts";
import { zoneOf } from "../components/hosts.ts";
import { InputsError, type InstanceInputs } from "./inputs.ts";
import type { InstanceOutputs } from "./outputs.ts";
import { createProviders } from "./providers.ts";

/**
 * Override beats placement, placement beats plan. Pure. @throws RangeError for a phase that has no machine, InputsError for a
 * domain in a zone that the cell has not looked up.
 */
export function toInstanceArgs(inputs: InstanceInputs): AssistantInstanceArgs {
  const { plan, override, cell, secrets } = inputs;
  if (inputs.phase !== "running" && inputs.phase !== "suspended") {
    throw new RangeError(`${inputs.slug} is ${inputs.phase}: its stack is destroyed, not updated`);
  }
  return {
    id: inputs.id,
    slug: inputs.slug,
    ...(override.address === undefined ? {} : { address: override.address }),
    ...(override.customDomain === undefined
      ? {}
      : { customDomain: toCustomDomain(override.customDomain, inputs) }),
    cell: {
      name: cell.name,
      subnetId: cell.outputs.subnetId,
      sshKeyId: cell.outputs.sshKeyId,
      zoneId: cell.outputs.zoneId,
      zone: cell.outputs.zoneName,
      reach: cell.settings.reach,
      backendPrivateIp: cell.settings.backendPrivateIp,
      backendPublicIps: cell.settings.backendPublicIps,
      sshPort: cell.settings.sshPort,
      image: inputs.snapshotId ?? cell.settings.image,
      openclawVersion: cell.settings.openclawVersion,
      cloudflareRanges: cell.outputs.cloudflareRanges,
      dnsTags: cell.settings.dnsTags,
      ...(cell.settings.originPullCa === undefined ? {} : { originPullCa: cell.settings.originPullCa }),
    },
    serverType: override.serverType ?? inputs.placement.serverType,
    growDisk: plan.growDisk,
    location: override.location ?? inputs.placement.location,
    privateIp: inputs.privateIp,
    phase: inputs.phase,
    replaceUnfinished: !inputs.established,
    backups: plan.backups,
    protection: plan.protection,
    extraFirewallRules: override.extraFirewallRules ?? [],
    openclawVersion: override.openclawVersion ?? cell.settings.openclawVersion,
    gatewayMemoryMb: plan.gatewayMemoryMb,
    gatewayTasks: plan.gatewayTasks,
    model: plan.model,
    denyRuntimeTools: plan.denyRuntimeTools,
    workspace: plan.workspace,
    secrets: {
      hostKeyPrivate: pulumi.secret(secrets.hostKeyPrivate),
      hostKeyPublic: secrets.hostKeyPublic,
      sshPrivateKey: pulumi.secret(cell.sshPrivateKey),
      gatewayToken: pulumi.secret(secrets.gatewayToken),
      environment: pulumi.secret(secrets.environment),
    },
  };
}

type CustomDomain = NonNullable<AssistantInstanceArgs["customDomain"]>;

function toCustomDomain(name: string, { slug, cell }: InstanceInputs): CustomDomain {
  const { customZones } = cell.outputs;
  const zone = zoneOf(name, Object.keys(customZones));
  const zoneId = customZones[zone ?? ""];
  if (zone !== undefined && zoneId !== undefined) return { name, zone, zoneId };
  const known = Object.keys(customZones).join(", ") || "none";
  throw new InputsError(
    `the domain ${name} of ${slug} is in no zone that the cell ${cell.name} has looked up (${known}): add it to clawfleet:customZones of Pulumi.cell.${cell.name}.yaml first`,
  );
}

export function runInstance(inputs: InstanceInputs): {
  [Name in keyof InstanceOutputs]: pulumi.Output<InstanceOutputs[Name]>;
} {
  const args = toInstanceArgs(inputs);
  const providers = createProviders(inputs.credentials, inputs.pollInterval);
  const instance = new AssistantInstance("assistant", args, { providers });
  return {
    serverId: instance.serverId,
    serverType: instance.serverType,
    location: instance.location,
    ipv4: instance.ipv4,
    ipv6: instance.ipv6,
    privateIp: instance.privateIp,
    url: instance.url,
    hosts: pulumi.output(instance.hosts),
    openclawVersion: pulumi.output(args.openclawVersion),
    health: instance.health,
  };
}
