/** Around a destroy: protection is lifted before it, and what the state did not know of is removed after it. */
import type { Logger } from "pino";
import type { Cloudflare } from "../cloud/cloudflare.ts";
import type { DnsNames } from "../cloud/dns-names.ts";
import type { Hetzner } from "../cloud/hetzner.ts";
import { ClawfleetError } from "../errors.ts";

type Clouds = { hetzner: Hetzner; cloudflare: Cloudflare };

/** Hetzner refuses to delete a protected server, and the provider has no word for lifting it on the way out. */
export async function releaseProtection({ hetzner }: Clouds, instanceId: string): Promise<void> {
  for (const server of await hetzner.findServers(instanceId)) {
    if (server.protection.delete) await hetzner.releaseProtection(server.id);
  }
}

/**
 * Deletes objects that carry the instance's own label or comment and were left by a run that died between "created" and
 * "saved". A delete counts as done when the clouds say that nothing is there. @throws ClawfleetError when something is.
 */
export async function removeLeftovers(deps: Clouds & { log: Logger }, owner: LeftoversOf): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    const left = await findLeftovers(deps, owner);
    if (left.length === 0) return;
    for (const object of left) {
      deps.log.warn(
        { instance: owner.instanceId, object: object.name },
        "removing an object that no state knows",
      );
      await object.remove();
    }
  }
  const left = await findLeftovers(deps, owner);
  if (left.length === 0) return;
  throw new ClawfleetError({
    code: "cloud_unavailable",
    message: `${owner.instanceId} is not gone: ${left.map((object) => object.name).join(", ")} still there`,
    remedy: "nothing: it is tried again",
    retry: { kind: "retryable" },
  });
}

export type LeftoversOf = {
  instanceId: string;
  names: DnsNames;
  /** What an archived instance is made from again. */
  keepSnapshots: boolean;
};
type Leftover = { name: string; remove(): Promise<void> };

async function findLeftovers(clouds: Clouds, owner: LeftoversOf): Promise<Leftover[]> {
  const { hetzner, cloudflare } = clouds;
  const [servers, carriers, firewalls, records, certificates, snapshots] = await Promise.all([
    hetzner.findServers(owner.instanceId),
    hetzner.findCarriers(owner.instanceId),
    hetzner.findFirewalls(owner.instanceId),
    findRecords(cloudflare, owner),
    cloudflare.findCertificates(owner.names.own.zoneId, owner.names.hosts),
    owner.keepSnapshots ? [] : hetzner.findSnapshots(owner.instanceId),
  ]);
  return [
    // The provider tries a lost order again by itself, and then there are two.
    ...certificates.map((certificate) => ({
      name: `origin certificate ${certificate.id}`,
      remove: () => cloudflare.revokeCertificate(certificate.id),
    })),
    ...records,
    ...[...servers, ...carriers].map((server) => ({
      name: `server ${server.name}`,
      remove: async () => {
        if (server.protection.delete) await hetzner.releaseProtection(server.id);
        await hetzner.deleteServer(server.id);
      },
    })),
    ...firewalls.map((firewall) => ({
      name: `firewall ${firewall.name}`,
      remove: () => hetzner.deleteFirewall(firewall.id),
    })),
    ...snapshots.map((snapshot) => ({
      name: `snapshot ${snapshot.id}`,
      remove: () => hetzner.deleteSnapshot(snapshot.id),
    })),
  ];
}

async function findRecords(cloudflare: Cloudflare, { instanceId, names }: LeftoversOf): Promise<Leftover[]> {
  const perZone = names.zones.map(async ({ zoneId }) =>
    (await cloudflare.findOwnRecords(zoneId, instanceId)).map((record) => ({
      name: `record ${record.name} ${record.type}`,
      remove: () => cloudflare.deleteRecord(zoneId, record.id),
    })),
  );
  return (await Promise.all(perZone)).flat();
}
