/** Where in DNS an instance has its names, and where it may have had others before. Pure. */
import { hostsOf, zoneOf, type NamedInstance } from "../../components/hosts.ts";
import { instanceOutputsSchema, type CellOutputs } from "../../infra/outputs.ts";

export type DnsName = { host: string; zoneId: string };

export type DnsNames = {
  own: DnsName;
  /** The customer's own domain. */
  domain: DnsName | undefined;
  /** Zones in which it has records, or had when it last answered. */
  zoneIds: string[];
  /** Names that a certificate of its may be for, its own first. */
  hosts: string[];
};

/** `outputs`: of its stack, as stored. */
export function findDnsNames(row: NamedInstance & { outputs: unknown }, cell: CellOutputs): DnsNames {
  const [host = "", domain] = hostsOf(row, cell.zoneName);
  const seen = instanceOutputsSchema.safeParse(row.outputs);
  const former = seen.success ? seen.data.hosts : [];
  const own = { host, zoneId: cell.zoneId };
  const wanted = domain === undefined ? undefined : findName(domain, cell);
  const others = [domain ?? [], former].flat().flatMap((one) => findName(one, cell)?.zoneId ?? []);
  return {
    own,
    domain: wanted,
    zoneIds: [...new Set([own.zoneId, ...others])],
    hosts: [...new Set([host, domain ?? [], former].flat())],
  };
}

/** undefined: in no zone that the cell has looked up. */
function findName(host: string, { customZones }: CellOutputs): DnsName | undefined {
  const zoneId = customZones[zoneOf(host, Object.keys(customZones)) ?? ""];
  return zoneId === undefined ? undefined : { host, zoneId };
}
