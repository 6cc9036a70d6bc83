/**
 * To a smaller disk or another processor nothing at Hetzner leads but the files themselves. They are copied to a carrier while
 * the server stands, and what is deleted and made anew afterwards is what a move deletes and makes: from the carrier's snapshot.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { customerFiles, waitFirstBootCommand } from "../../cloud-init/customer-files.ts";
import { archiveLabel, carrierLabelKeys, carrierLabels } from "../../components/naming.ts";
import type { Hetzner, HetznerServer } from "../cloud/hetzner.ts";
import { beginTransfer, endTransfer, recordDown, recordStage } from "../db/transfers.ts";
import { findLocated } from "../db/health.ts";
import { recordSnapshot, type ConvergeRow } from "../db/observed.ts";
import { ClawfleetError, isClawfleetError, messageOf } from "../errors.ts";
import type { MachineAddress } from "../health/machine-ssh.ts";
import { locate } from "../health/probe.ts";
import { tellServing } from "../messages/recorded.ts";
import type { ConvergeJob, Reason } from "../queue/jobs.ts";
import { keepSnapshot, switchOff, usualPatience, type Archived } from "./archive.ts";
import { provideCarrier, removeCarriers, type Provided } from "./carrier.ts";
import type { ConvergeDeps } from "./converge-instance.ts";
import { waitsForHalt } from "./halt.ts";
import { haul } from "./haul.ts";
import type { SizedPlace } from "./placement.ts";
import { finishMoveOut, waitForCopy } from "./take-away.ts";

export type Copied =
  /** Everything of it is in the snapshot that its row names, and nowhere else. */
  | { kind: "moved-out" }
  /** Its row says for what. */
  | { kind: "waiting" }
  /** It stands as it stood, and answers. `again`: nothing was stopped for it, and another try stops nothing before it can succeed. */
  | { kind: "refused"; why: string; again: boolean };

/** With what the mark of a copy begins. */
export const copyMark = "copy-";

const commandMs = 60_000;
/** A gateway may finish what it is at (`TimeoutStopSec` of its unit). */
const stopMs = 400_000;
const firstBootMs = 15 * 60_000;
const dialMs = 5 * 60_000;
const dialPauseMs = 500;
/** Some hundred GB at the speed of Hetzner's disks. */
const haulMs = 2 * 3_600_000;
/** After so many failures in a row it stays what it is, and operators hear of it. */
const maxTries = 3;

/** System, OpenClaw, swap, journal, and room to go on. */
const reservedGb = 10;
const gb = 1e9;

/** Pure. */
export function fitsOn(usedBytes: number, diskGb: number): boolean {
  return usedBytes <= (diskGb - reservedGb) * gb;
}

/** Safe to run again at any time, whoever ran it before and wherever that ended. */
export async function copyOut(
  deps: ConvergeDeps,
  row: ConvergeRow,
  places: readonly SizedPlace[],
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<Copied> {
  if (await waitsForHalt(deps, row, job)) return { kind: "waiting" };
  const mark = `${copyMark}${row.generation}`;
  // One to what was wanted before.
  if (row.transferMark !== null && row.transferMark !== mark) await undoTransfer(deps, row, job.reason);
  try {
    const kept = await keepFiles(deps, { row, mark, places }, job, signal);
    if (typeof kept === "string")
      return await refuse(deps, row, mark, job.reason, { why: kept, again: true });
    await recordSnapshot(deps.sql, row.id, kept.snapshotId);
    if (kept.kind === "copying") {
      await waitForCopy(deps, row, job.reason);
      return { kind: "waiting" };
    }
  } catch (error) {
    if (signal.aborted || !isHopeless(error, row)) throw error;
    return await refuse(deps, row, mark, job.reason, { why: messageOf(error), again: isNoRoom(error) });
  }
  return { kind: (await finishMoveOut(deps, row, job, signal)) ? "moved-out" : "waiting" };
}

async function refuse(
  deps: ConvergeDeps,
  row: ConvergeRow,
  mark: string,
  reason: Reason,
  said: { why: string; again: boolean },
): Promise<Copied> {
  await undoTransfer(deps, { ...row, transferMark: mark }, reason);
  return { kind: "refused", ...said };
}

/** The server serves its customer again, and nothing of a copy or a move is left. */
export async function undoTransfer(deps: ConvergeDeps, row: ConvergeRow, reason: Reason): Promise<void> {
  const { hetzner } = deps.cloudsOf(row.account, reason);
  await wake(deps, hetzner, row);
  await removeCarriers(hetzner, row.id);
  if (row.transferMark !== null) await dropMarked(deps, hetzner, row, row.transferMark);
  await endTransfer(deps.sql, row.id);
}

/** What was copied is everything as long as the server has been off since. */
async function isFilled(hetzner: Hetzner, { id }: ConvergeRow, mark: string): Promise<boolean> {
  const [server] = await hetzner.findServers(id);
  if (server?.status !== "off") return false;
  const carriers = await hetzner.findCarriers(id);
  if (carriers.some(({ labels }) => labels[carrierLabelKeys.filled] === mark)) return true;
  return (await hetzner.findSnapshots(id)).some(
    ({ labels, status }) => labels[archiveLabel] === mark && status !== "unavailable",
  );
}

type Filling = { row: ConvergeRow; mark: string; places: readonly SizedPlace[] };

/** The files in a snapshot of the carrier; a text says why there will be none. */
async function keepFiles(
  deps: ConvergeDeps,
  { row, mark, places }: Filling,
  { reason }: ConvergeJob,
  signal: AbortSignal,
): Promise<Archived | string> {
  const { hetzner } = deps.cloudsOf(row.account, reason);
  if (!(await isFilled(hetzner, row, mark))) {
    const why = await fillOrWake(deps, hetzner, { row, mark, places }, signal);
    if (why !== undefined) return why;
  }
  await recordStage(deps.sql, row.id, "its files are copied; a snapshot of them is being taken");
  const ofCarrier: Hetzner = { ...hetzner, findServers: (id) => hetzner.findCarriers(id) };
  return await keepSnapshot(ofCarrier, { ...row, mark, former: null, empty: false }, signal);
}

/** Whatever goes wrong before all is copied, the customer is served until the next try. */
async function fillOrWake(
  deps: ConvergeDeps,
  hetzner: Hetzner,
  filling: Filling,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return await fill(deps, hetzner, filling, signal);
  } catch (error) {
    if (!signal.aborted) await wake(deps, hetzner, filling.row);
    throw error;
  }
}

function isHopeless(error: unknown, { failures }: ConvergeRow): boolean {
  if (!isClawfleetError(error)) return failures >= maxTries;
  if (isNoRoom(error) || error.retry.kind === "permanent") return true;
  return error.retry.kind !== "blocked" && failures >= maxTries;
}

/** For the carrier: at Hetzner, or for one more server of ours. */
function isNoRoom(error: unknown): boolean {
  if (!isClawfleetError(error)) return false;
  const { code, retry } = error;
  return code === "capacity_exhausted" || (retry.kind === "blocked" && retry.by === "hetzner-limit");
}

async function fill(
  deps: ConvergeDeps,
  hetzner: Hetzner,
  { row, mark, places }: Filling,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [server] = await hetzner.findServers(row.id);
  const located = await findLocated(deps.sql, row.id);
  const from = located && locate(deps.masterKey, located);
  if (!server || !located || !from) return "its machine cannot be found";
  if (server.status === "off") await hetzner.rebootServer(server);

  const usedBytes = Number(await ask(deps, from, customerFiles.measure, { timeoutMs: commandMs, signal }));
  const roomy = places.filter(({ diskGb }) => fitsOn(usedBytes, diskGb));
  if (roomy.length === 0)
    return `its files take ${(usedBytes / gb).toFixed(1)} GB, too much for the disks of its plan`;

  await beginTransfer(deps.sql, row.id, mark);
  await recordStage(deps.sql, row.id, "a server for its files is being made; it goes on meanwhile");
  const carrier = await provideCarrier(deps, hetzner, { row, located }, roomy);
  await ask(deps, carrier.address, waitFirstBootCommand, { timeoutMs: firstBootMs, signal });
  // Of one that has run since nothing counts.
  await dropMarked(deps, hetzner, row, mark);
  await carry(deps, hetzner, { row, mark, server, from, carrier }, signal);
  return undefined;
}

type Carrying = {
  row: ConvergeRow;
  mark: string;
  server: HetznerServer;
  from: MachineAddress;
  carrier: Provided;
};

/** From here to the new server nobody answers the customer. */
async function carry(
  deps: ConvergeDeps,
  hetzner: Hetzner,
  { row, mark, server, from, carrier: { carrier, address: to } }: Carrying,
  signal: AbortSignal,
): Promise<void> {
  await recordStage(deps.sql, row.id, "its files are being copied to another disk");
  await recordDown(deps.sql, row.id, deps.clock.now());
  await ask(deps, from, customerFiles.stopGateway, { timeoutMs: stopMs, signal });
  await haul(
    { address: from, command: customerFiles.pack },
    { address: to, command: customerFiles.unpack },
    { timeoutMs: haulMs, signal },
  );
  const bounded = { timeoutMs: haulMs, signal };
  const [there, here] = [
    await ask(deps, to, customerFiles.digest, bounded),
    await ask(deps, from, customerFiles.digest, bounded),
  ];
  if (there !== here) throw unlike(row);
  await switchOff(hetzner, server.id, signal, usualPatience);
  await hetzner.labelCarrier(carrier.id, { ...carrierLabels(row), [carrierLabelKeys.filled]: mark });
  deps.log.info({ stack: row.slug, carrier: carrier.name }, "its files are copied");
}

async function dropMarked(
  { sql }: Pick<ConvergeDeps, "sql">,
  hetzner: Hetzner,
  row: ConvergeRow,
  mark: string,
): Promise<void> {
  const marked = (await hetzner.findSnapshots(row.id)).filter(({ labels }) => labels[archiveLabel] === mark);
  for (const { id } of marked) {
    await hetzner.deleteSnapshot(id);
    if (id === row.snapshotId) await recordSnapshot(sql, row.id, null);
  }
}

/** As well as it can be done: what has failed is told, and the health round looks after machines. */
async function wake(deps: ConvergeDeps, hetzner: Hetzner, row: ConvergeRow): Promise<void> {
  try {
    const located = await findLocated(deps.sql, row.id);
    const address = located && locate(deps.masterKey, located);
    if (!address) return;
    const answer = await deps.runOnMachine(address, customerFiles.startGateway, { timeoutMs: commandMs });
    if (answer.kind === "ran" && answer.code === 0)
      return await tellServing(deps.sql, row.id, deps.clock.now());
    const [server] = await hetzner.findServers(row.id);
    if (server?.status === "off") await hetzner.rebootServer(server);
  } catch (error) {
    deps.log.warn({ stack: row.slug, err: error }, "its gateway was not started again after a copy");
  }
}

type Asking = { timeoutMs: number; signal: AbortSignal };

/** What the command says on standard output. A machine that boots is waited for. @throws ClawfleetError */
async function ask(
  { runOnMachine }: Pick<ConvergeDeps, "runOnMachine">,
  address: MachineAddress,
  command: string,
  { timeoutMs, signal }: Asking,
): Promise<string> {
  const until = performance.now() + dialMs;
  for (;;) {
    const answer = await runOnMachine(address, command, { timeoutMs, signal });
    signal.throwIfAborted();
    if (answer.kind === "ran" && answer.code === 0) return answer.stdout.trim();
    if (answer.kind === "unreachable" && performance.now() < until) {
      await sleep(dialPauseMs, undefined, { signal });
      continue;
    }
    const said = answer.kind === "ran" ? answer.stderr.trim().slice(-500) : answer.reason;
    throw new ClawfleetError({
      code: "cloud_unavailable",
      message: `${address.host} did not do its part of the copy: ${said}`,
      remedy: "nothing: it is tried again",
      retry: { kind: "retryable" },
    });
  }
}

function unlike({ slug }: ConvergeRow): ClawfleetError {
  return new ClawfleetError({
    code: "cloud_unavailable",
    message: `${slug}: the copy of its files is not what its server has`,
    remedy: "nothing: its server goes on, and they are copied again",
    retry: { kind: "retryable" },
  });
}
