/** Before an up: can the names that an instance is to have be had in their zones? */
import { hostsOf } from "../../components/hosts.ts";
import { parseRecordComment } from "../../components/naming.ts";
import { cellOutputsSchema, instanceOutputsSchema, knownHosts } from "../../infra/outputs.ts";
import { findDnsNames } from "../cloud/dns-names.ts";
import { recordWaiting, type ConvergeRow } from "../db/observed.ts";
import { ClawfleetError, permanent } from "../errors.ts";
import type { Reason } from "../queue/jobs.ts";
import type { ConvergeDeps } from "./converge-instance.ts";

const zoneWaitMs = 15_000;

/** Its domain, when the cell has not looked up the zone of it yet. */
export function findUnknownDomain({
  slug,
  override,
  cellOutputs,
}: Pick<ConvergeRow, "slug" | "override" | "cellOutputs">): string | undefined {
  if (override.customDomain === undefined) return undefined;
  const cell = cellOutputsSchema.parse(cellOutputs);
  const { domain } = findDnsNames({ slug, override, outputs: null }, cell);
  return domain === undefined ? override.customDomain : undefined;
}

/** Cell and customer may have been changed together. */
export async function waitForZone(
  deps: Pick<ConvergeDeps, "sql" | "clock">,
  row: ConvergeRow,
  domain: string,
  reason: Reason,
): Promise<void> {
  const retryAt = new Date(deps.clock.now().getTime() + zoneWaitMs);
  const detail = `the cell ${row.cell} has not looked up the zone of ${domain} yet; fleet show cell.${row.cell} says how it is`;
  await recordWaiting(deps.sql, row, { detail, retryAt, countsAsFailure: false, reason });
}

/** Nobody has looked yet whether a name of its is free in its zone. */
export function getsItsRecords({ observedPhase, outputs, cellOutputs, ...row }: ConvergeRow): boolean {
  if (observedPhase === null || observedPhase === "archived") return true;
  const seen = instanceOutputsSchema.safeParse(outputs);
  if (!seen.success) return false;
  const { zoneName } = cellOutputsSchema.parse(cellOutputs);
  const known = knownHosts(seen.data);
  return hostsOf(row, zoneName).some((host) => !known.includes(host));
}

/** Several A records of one name are legal at Cloudflare: ours beside a stranger's would take half of their traffic. */
export async function refuseForeignRecords(
  deps: Pick<ConvergeDeps, "cloudsOf">,
  row: ConvergeRow,
  reason: Reason,
): Promise<void> {
  const names = findDnsNames(row, cellOutputsSchema.parse(row.cellOutputs));
  const { cloudflare } = deps.cloudsOf(row.account, reason);
  for (const { host, zoneId } of [names.own, ...(names.domain ? [names.domain] : [])]) {
    const [foreign] = await cloudflare.findForeignRecords(zoneId, host, row.id);
    if (foreign) throw conflict(row, host, foreign);
  }
}

function conflict(
  { slug }: ConvergeRow,
  host: string,
  found: { type: string; content: string; comment?: string | null | undefined },
): ClawfleetError {
  const what = `${slug}: ${host} has a ${found.type} record to ${found.content}`;
  const other = parseRecordComment(found.comment ?? "");
  if (other === undefined)
    return permanent(
      "dns_conflict",
      `${what} that is not ours`,
      `delete or rename that record at Cloudflare, then: fleet apply ${slug}`,
    );
  return new ClawfleetError({
    code: "dns_conflict",
    message: `${what} that is the instance ${other}'s`,
    remedy: "nothing: it is tried again once that instance has given the name up",
    retry: { kind: "retryable" },
  });
}
