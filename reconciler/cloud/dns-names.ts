/** Where in DNS an instance has its names, and where it may have had others before. Pure. */
import { hostsOf, zoneOf, type NamedInstance } from "../../components/hosts.ts";
import { instanceOutputsSchema, knownHosts, type CellOutputs } from "../../infra/outputs.ts";

export type DnsZone = { zone: string; zoneId: string };
export type DnsName = DnsZone & { host: string };

export type DnsNames = {
  own: DnsName;
  /** The customer's own domain. */
  domain: DnsName | undefined;
  /** In which it has records, or had when it last answered; its cell's own first. */
  zones: DnsZone[];
  /** Names that a certificate of its may be for, its own first. */
  hosts: string[];
};

/** `outputs`: of its stack, as stored. */
export function findDnsNames(row: NamedInstance & { outputs: unknown }, cell: CellOutputs): DnsNames {
  const [host = "", domain] = hostsOf(row, cell.zoneName);
  const seen = instanceOutputsSchema.safeParse(row.outputs);
  const former = seen.success ? knownHosts(seen.data) : [];
  const ownZone = { zone: cell.zoneName, zoneId: cell.zoneId };
  const others = [domain ?? [], former].flat().flatMap((one) => findZone(one, cell) ?? []);
  const zone = domain === undefined ? undefined : findZone(domain, cell);
  return {
    own: { ...ownZone, host },
    domain: domain === undefined || zone === undefined ? undefined : { ...zone, host: domain },
    zones: [...new Map([ownZone, ...others].map((one) => [one.zoneId, one])).values()],
    hosts: [...new Set([host, domain ?? [], former].flat())],
  };
}

/** undefined: in no zone that the cell has looked up. */
function findZone(host: string, { customZones }: CellOutputs): DnsZone | undefined {
  const zone = zoneOf(host, Object.keys(customZones));
  const zoneId = customZones[zone ?? ""];
  return zone === undefined || zoneId === undefined ? undefined : { zone, zoneId };
}
