/** Work that the clock asks for: sweeps, retries, room for those who wait, conditions, housekeeping. Right with any number of processes. */
import type { Config } from "../config.ts";
import { enqueueDue } from "../converge/worker.ts";
import type { BillingProvider } from "../billing/provider.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { addCells, syncCells } from "../desired/cells.ts";
import { placeWaiting } from "../desired/place.ts";
import { listCells } from "../db/cells.ts";
import { removeOld } from "../db/housekeeping.ts";
import { countUnplaced } from "../db/instances.ts";
import { readConditions, type Conditions } from "../conditions.ts";
import { updateBrakes } from "../health/brakes.ts";
import { handleHint } from "../hints.ts";
import { sweep } from "../sweep.ts";
import { every, type Turns } from "../turns.ts";
import type { Core } from "./core.ts";
import type { FilesReader } from "./files.ts";

const retryIntervalMs = 2_000;
const roomIntervalMs = 2_000;
const conditionsIntervalMs = 10_000;
/** Asking is one statement an account; an interval's first asking is the one that counts. */
const scanAskingMs = 30_000;
/** Workers bring them up to date before they help anybody; here they let go when nobody needs help any more. */
const brakesIntervalMs = 10_000;
const housekeepingIntervalMs = 60 * 60_000;

/** Hints and sweeps are taken from the queue here; the clocks only ask. Returns how to stop the clocks. */
export function startClocks(
  core: Core,
  config: Config,
  apply: ApplyDeps,
  providers: readonly BillingProvider[],
  files: FilesReader,
): () => void {
  const { queue, log, metrics } = core;
  queue.work("billing-hint", { concurrency: 2 }, (job) => handleHint({ ...apply, providers }, job.data));
  queue.work("sweep", { concurrency: 1 }, async (_job, signal) => {
    await syncCells(apply);
    await placeWaiting(apply);
    const { sweepIntervalMs: intervalMs, deleteCap } = config;
    const result = await sweep({ ...apply, providers, intervalMs, deleteCap }, signal);
    metrics.sweeps.inc({ outcome: result.outcome });
    log.info(result, "sweep");
  });
  queue.scheduleSweeps(config.sweepIntervalMs);
  metrics.driftInterval.set(config.drift.intervalMs / 1000);
  const blocks = { ...core, random: Math.random, retryFirstMs: config.retryFirstMs };
  const clocks = [
    every(core, retryIntervalMs, "cannot look for due retries", () => enqueueDue(blocks)),
    every(core, roomIntervalMs, "cannot look for room", () => lookForRoom(apply, () => files.cells())),
    every(core, brakesIntervalMs, "cannot look at the brakes", () => updateBrakes(core)),
    watchConditions(core),
    ...scanClock(core, config.drift.intervalMs),
    every(core, housekeepingIntervalMs, "cannot remove what is old", () => keepHouse(core)),
  ];
  return () => clocks.forEach((clock) => void clock.stop());
}

/** Asks for a scan of each account, once an interval; whoever converges there does it. */
function scanClock(core: Core, intervalMs: number): Turns[] {
  if (intervalMs === 0) return [];
  const ask = async (): Promise<void> => {
    const cells = (await listCells(core.sql)).filter(({ ready }) => ready);
    for (const account of new Set(cells.map((cell) => cell.account)))
      await core.queue.requestScanEvery(intervalMs, account);
  };
  const askEveryMs = Math.min(intervalMs / 4, scanAskingMs);
  return [every(core, askEveryMs, "cannot ask for a drift scan", ask)];
}

/** Only while somebody waits: a cell whose file is new, a cell that was opened again, an instance that went. */
export async function lookForRoom(apply: ApplyDeps, cells: FilesReader["cells"]): Promise<void> {
  if ((await countUnplaced(apply.sql)) === 0) return;
  await addCells(apply, await cells());
  await placeWaiting(apply);
}

async function keepHouse({ sql, clock, log }: Core): Promise<void> {
  const removed = await removeOld(sql, clock.now());
  if (Object.values(removed).some((count) => count > 0)) log.info(removed, "removed what is old");
}

/** Says once that a condition has come, and once that it has gone. */
function watchConditions(core: Core): Turns {
  let before: Conditions | undefined;
  return every(core, conditionsIntervalMs, "cannot read the conditions", async () => {
    const now = await readConditions(core.sql);
    for (const { kind, count, detail } of now) {
      const known = before?.find((one) => one.kind === kind);
      if (count > 0 && !known?.count) {
        core.onAlert({ kind, message: detail });
      } else if (count === 0 && known?.count) core.log.info({ alert: kind, over: true }, "is over");
    }
    before = now;
  });
}
