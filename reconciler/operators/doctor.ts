/** What an operator would look at first, looked at: each with what to do when it is not well. */
import type { Sql } from "postgres";
import { readConditions } from "../conditions.ts";
import { listLooks, listZones } from "../db/account-checks.ts";
import { listBlocks } from "../db/blocks.ts";
import { listCells } from "../db/cells.ts";
import { readDatabaseTime } from "../db/database.ts";
import { listScanTimes } from "../db/drift.ts";
import { findLastSweep } from "../db/sweeps.ts";
import { listWorkers, type WorkerRow } from "../db/workers.ts";
import { alertTexts } from "../messages/alerts.ts";
import type { Queue } from "../queue/queue.ts";
import { codeVersion } from "../version.ts";

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

/** Asks whoever has an account's tokens to look at them again. Returns the accounts. */
export async function askForLooks(
  { sql, queue }: { sql: Sql; queue: Queue },
  actor: string,
): Promise<string[]> {
  const accounts = [...(await listZones(sql)).keys()];
  for (const account of accounts) await queue.requestDrift(sql, { kind: "examine", account, actor });
  return accounts;
}

export type Examined = { findings: Finding[]; looks: { account: string; lookedAt: string }[] };

export async function readExamined(deps: DoctorDeps): Promise<Examined> {
  const looks = (await listLooks(deps.sql)).map(({ account, lookedAt }) => ({
    account,
    lookedAt: lookedAt.toISOString(),
  }));
  return { findings: await examine(deps), looks };
}

export async function examine(deps: DoctorDeps): Promise<Finding[]> {
  const { sql } = deps;
  const [conditions, cells, workers] = await Promise.all([
    readConditions(sql),
    listCells(sql),
    listWorkers(sql),
  ]);
  const accounts = [...new Set(cells.map(({ account }) => account))];
  return [
    await examineClock(deps),
    await examineSweep(deps),
    toFinding(
      "workers",
      workers.length > 0,
      `${workers.length} processes run converges`,
      "start one: npm run work",
    ),
    examineVersions(workers),
    ...(await examineAccounts(sql, accounts)),
    ...cells.map(({ name, status, statusDetail }) =>
      toFinding(
        `cell ${name}`,
        status === "ready",
        statusDetail ?? status,
        `fleet show cell.${name} says what it waits for`,
      ),
    ),
    ...(await examineDrift(deps, accounts)),
    ...(await listBlocks(sql)).map(({ blockedBy, scope, since }) =>
      toFinding(
        `${blockedBy} ${scope}`,
        false,
        `has been keeping work waiting since ${since.toISOString()}`,
        "docs/operations.md, Incidents",
      ),
    ),
    ...conditions.map(({ kind, count, detail }) =>
      toFinding(
        kind,
        count === 0,
        count === 0 ? "none" : detail,
        `${alertTexts[kind].remedy} (docs/incidents.md, ${kind})`,
      ),
    ),
  ];
}

function toFinding(check: string, well: boolean, detail: string, remedy: string): Finding {
  return { check, well, detail, remedy: well ? null : remedy };
}

function examineVersions(workers: readonly WorkerRow[]): Finding {
  const others = workers.filter(({ version }) => version !== codeVersion);
  const named = others.map(({ name, version }) => `${name} has ${version ?? "an older one"}`).join(", ");
  const detail = others.length === 0 ? `everybody has ${codeVersion}` : `this is ${codeVersion}; ${named}`;
  return toFinding(
    "versions",
    others.length === 0,
    detail,
    "docs/operations.md, Upgrade: restart the others",
  );
}

/** By whoever has the tokens; where nobody has looked there is nobody who has them. */
async function examineAccounts(sql: Sql, accounts: readonly string[]): Promise<Finding[]> {
  const looks = new Map((await listLooks(sql)).map((look) => [look.account, look.checks]));
  return accounts.flatMap(
    (account) =>
      looks.get(account) ?? [
        toFinding(
          `account ${account}`,
          false,
          "nobody has looked at its tokens yet",
          "fleet doctor asks; a worker with its tokens must run (fleet cells)",
        ),
      ],
  );
}

const maxSkewMs = 5_000;

/** Claims and graces are decided by the database's clock and by ours. */
async function examineClock({ sql, clock }: DoctorDeps): Promise<Finding> {
  const skewMs = Math.abs((await readDatabaseTime(sql)).getTime() - clock.now().getTime());
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
