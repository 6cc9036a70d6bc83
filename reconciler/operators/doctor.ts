/** What an operator would look at first, looked at: each with what to do when it is not well. */
import type { Sql } from "postgres";
import { readConditions } from "../conditions.ts";
import { listBlocks } from "../db/blocks.ts";
import { listCells } from "../db/cells.ts";
import { listScanTimes } from "../db/drift.ts";
import { findLastSweep } from "../db/sweeps.ts";
import { listWorkers } from "../db/workers.ts";

export type Finding = { check: string; well: boolean; detail: string; remedy: string | null };

export type DoctorDeps = {
  sql: Sql;
  clock: { now(): Date };
  sweepIntervalMs: number;
  /** 0: nobody looks for drift. */
  driftIntervalMs: number;
};

/** Late is what has been missed more than twice. */
const patience = 3;

export async function examine(deps: DoctorDeps): Promise<Finding[]> {
  const { sql } = deps;
  const [conditions, cells, workers] = await Promise.all([
    readConditions(sql),
    listCells(sql),
    listWorkers(sql),
  ]);
  return [
    await examineClock(deps),
    await examineSweep(deps),
    toFinding(
      "workers",
      workers.length > 0,
      `${workers.length} processes run converges`,
      "start one: npm run work",
    ),
    ...cells.map(({ name, status, statusDetail }) =>
      toFinding(
        `cell ${name}`,
        status === "ready",
        statusDetail ?? status,
        `fleet show cell.${name} says what it waits for`,
      ),
    ),
    ...(await examineDrift(deps, [...new Set(cells.map(({ account }) => account))])),
    ...(await listBlocks(sql)).map(({ blockedBy, scope, since }) =>
      toFinding(
        `${blockedBy} ${scope}`,
        false,
        `has been keeping work waiting since ${since.toISOString()}`,
        "docs/operations.md, Incidents",
      ),
    ),
    ...conditions.map(({ kind, count, detail }) =>
      toFinding(kind, count === 0, count === 0 ? "none" : detail, `docs/operations.md, alert ${kind}`),
    ),
  ];
}

function toFinding(check: string, well: boolean, detail: string, remedy: string): Finding {
  return { check, well, detail, remedy: well ? null : remedy };
}

const maxSkewMs = 5_000;

/** Claims and graces are decided by the database's clock and by ours. */
async function examineClock({ sql, clock }: DoctorDeps): Promise<Finding> {
  const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
  const skewMs = Math.abs((row?.now.getTime() ?? 0) - clock.now().getTime());
  const detail = `${skewMs} ms between this process and the database`;
  return toFinding("clock", skewMs < maxSkewMs, detail, "set the clocks of both by NTP");
}

async function examineSweep({ sql, clock, sweepIntervalMs }: DoctorDeps): Promise<Finding> {
  const last = await findLastSweep(sql);
  const remedy = "look at the service's log and at billing's key";
  if (!last) return toFinding("billing", false, "it has never been read whole", remedy);
  const ageMs = clock.now().getTime() - last.startedAt.getTime();
  const well = last.outcome !== "failed" && ageMs < sweepIntervalMs * patience;
  const how = last.outcome === "failed" ? `failed: ${last.detail ?? ""}` : (last.outcome ?? "under way");
  return toFinding("billing", well, `last read ${Math.round(ageMs / 1000)} s ago, ${how}`, remedy);
}

async function examineDrift(deps: DoctorDeps, accounts: readonly string[]): Promise<Finding[]> {
  const { sql, clock, driftIntervalMs } = deps;
  if (driftIntervalMs === 0) return [toFinding("looking for drift", true, "switched off", "")];
  const times = new Map((await listScanTimes(sql)).map(({ account, endedAt }) => [account, endedAt]));
  return accounts.map((account) => {
    const endedAt = times.get(account);
    const ageMs = endedAt ? clock.now().getTime() - endedAt.getTime() : Infinity;
    const detail = endedAt ? `last whole look ${Math.round(ageMs / 1000)} s ago` : "nobody has looked yet";
    const well = ageMs < driftIntervalMs * patience;
    return toFinding(`drift ${account}`, well, detail, "fleet drift scan says what is in the way");
  });
}
