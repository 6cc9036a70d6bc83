/** Brings cell rows up to date with `stacks/` and queues the cells that changed. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import type { Query } from "../db/database.ts";
import type { CellSettings } from "../../infra/config.ts";
import { toCellJob } from "../converge/jobs.ts";
import { queueMembers } from "../converge/members.ts";
import { zoneOf } from "../../components/hosts.ts";
import { closeCellsExcept, insertCell, listCells, lockCellSettings, upsertCell } from "../db/cells.ts";
import { listDomainsIn } from "../db/domains.ts";
import type { Queue } from "../queue/queue.ts";
import type { RaiseAlert } from "../messages/alerts.ts";
import { createCellSecrets } from "../secrets.ts";
import { findLivedIn, reachesMembers } from "./lived-in.ts";
import type { StackFiles } from "./stack-files.ts";

export type SyncCellsDeps = {
  sql: Sql;
  queue: Queue;
  log: Logger;
  masterKey: string;
  files(): Promise<StackFiles>;
  onAlert?: RaiseAlert;
};

/** Returns the names of the cells that were queued. */
export async function syncCells(deps: SyncCellsDeps): Promise<string[]> {
  const files = await deps.files();
  return await deps.sql.begin(async (tx) => {
    const known = await listCells(tx);
    const possible = [...files.cells].filter(([name, settings]) => {
      const row = known.find((one) => one.name === name);
      const message = row && findLivedIn(row, settings);
      if (message !== undefined)
        deps.onAlert?.({ kind: "cell_lived_in", about: name, message: `${message}; it stays as it is` });
      return message === undefined;
    });
    await storeCells(deps, tx, possible);
    const broken = [...files.broken.keys()]
      .filter((key) => key.startsWith("cell."))
      .map((key) => key.slice("cell.".length));
    for (const name of await closeCellsExcept(tx, [...files.cells.keys(), ...broken])) {
      deps.log.warn({ cell: name }, "this cell has no file any more and takes no new instances");
    }
    return await queueBehind(deps, tx);
  });
}

/**
 * Cells that have a file and no row yet. What known cells' files say is left to the sweep, which one process at a time
 * does: the files of two machines may differ while they are being brought up to date.
 */
export async function addCells(deps: SyncCellsDeps, cells: StackFiles["cells"]): Promise<string[]> {
  return await deps.sql.begin(async (tx) => {
    const known = new Set((await listCells(tx)).map(({ name }) => name));
    const fresh = [...cells].filter(([name]) => !known.has(name));
    if (fresh.length === 0) return [];
    for (const [name, settings] of fresh) {
      const secrets = createCellSecrets(deps.masterKey, name);
      await insertCell(tx, { name, account: settings.account, settings, secrets });
      deps.log.info({ cell: name, what: "created" }, "cell settings");
    }
    return await queueBehind(deps, tx);
  });
}

type StoreDeps = Pick<SyncCellsDeps, "log" | "masterKey" | "queue">;

/** For settings that `findLivedIn` has nothing against. Whoever lives in a cell takes over what is theirs of it. */
export async function storeCells(
  deps: StoreDeps,
  tx: Query,
  cells: Iterable<[string, CellSettings]>,
): Promise<void> {
  const followed: string[] = [];
  for (const [name, said] of cells) {
    const before = await lockCellSettings(tx, name);
    const settings = await keepZonesInUse(deps, tx, name, before, said);
    const secrets = createCellSecrets(deps.masterKey, name);
    const what = await upsertCell(tx, { name, account: settings.account, settings, secrets });
    if (what !== "same") deps.log.info({ cell: name, what }, "cell settings");
    if (before && reachesMembers(before, settings)) followed.push(name);
  }
  await queueMembers(deps, tx, followed);
}

/** A zone in which a customer has a domain stays, whatever the file says: nobody loses an address by a line of somebody else's. */
async function keepZonesInUse(
  { log }: Pick<SyncCellsDeps, "log">,
  tx: Query,
  name: string,
  known: CellSettings | undefined,
  settings: CellSettings,
): Promise<CellSettings> {
  const before = known?.customZones ?? [];
  const dropped = before.filter((zone) => !settings.customZones.includes(zone));
  if (dropped.length === 0) return settings;
  const used = new Set((await listDomainsIn(tx, name)).map((domain) => zoneOf(domain, before)));
  const kept = dropped.filter((zone) => used.has(zone) && zone !== settings.zone);
  if (kept.length > 0)
    log.warn(
      { cell: name, zones: kept },
      "zones that its file names no longer stay: customers have domains there",
    );
  return { ...settings, customZones: [...settings.customZones, ...kept] };
}

/** Those that wait have a time of their own, and a parked one has a person or new settings to wait for. */
async function queueBehind(deps: SyncCellsDeps, tx: Query): Promise<string[]> {
  const behind = (await listCells(tx)).filter(
    ({ generation, observedGeneration, status }) =>
      observedGeneration < generation && status !== "waiting" && status !== "parked",
  );
  const jobs = behind.map(({ name }) => toCellJob({ name, retryReason: null }, "start"));
  if (jobs.length > 0) await deps.queue.enqueueConverge(tx, jobs);
  return behind.map(({ name }) => name);
}
