/** From a suspended instance to a snapshot of it: nothing is deleted before the snapshot is seen to be available. */
import { setTimeout as sleep } from "node:timers/promises";
import { archiveLabel, instanceLabels } from "../../components/naming.ts";
import type { Hetzner } from "../cloud/hetzner.ts";
import type { Snapshot } from "../cloud/hetzner-snapshots.ts";
import { ClawfleetError } from "../errors.ts";

export type ArchiveOf = {
  id: string;
  slug: string;
  cell: string;
  /** Label of the snapshot: one that carries it belongs to this removal and to none before it. Letters, digits, `-_.`. */
  mark: string;
  /** That was taken before, as far as is known: all that there is when the server is gone already. */
  former: string | null;
  /** It never held anything of a customer's. */
  empty: boolean;
};

export type Archived =
  /** `snapshotId` null: there was nothing to keep. */
  | { kind: "kept"; snapshotId: string | null }
  /** Copying goes on at Hetzner; nobody has to wait for it. */
  | { kind: "copying"; snapshotId: string };

export type Patience = {
  /** How long services may take to stop before the power is cut. */
  shutdownMs: number;
  /** How long a worker waits for the copy itself. */
  copyMs: number;
  pollMs: number;
};

export const usualPatience: Patience = { shutdownMs: 60_000, copyMs: 20_000, pollMs: 1000 };

/** Safe to run again at any time, whoever ran it before and wherever that ended. */
export async function keepSnapshot(
  hetzner: Hetzner,
  of: ArchiveOf,
  signal: AbortSignal,
  patience: Patience = usualPatience,
): Promise<Archived> {
  if (of.empty) return { kind: "kept", snapshotId: null };
  const servers = await hetzner.findServers(of.id);
  const taken = await findTaken(hetzner, of, servers);
  const snapshot = taken ?? (await take(hetzner, of, servers, signal, patience));
  const until = performance.now() + patience.copyMs;
  for (let seen: Snapshot | undefined = snapshot; ;) {
    if (seen?.status === "available") return { kind: "kept", snapshotId: seen.id };
    if (seen?.status !== "creating") throw copyFailed(of);
    if (performance.now() >= until) return { kind: "copying", snapshotId: seen.id };
    await sleep(patience.pollMs, undefined, { signal });
    seen = await findOwn(hetzner, of);
  }
}

/** One that still holds what the server holds: the server has not run since, or is not there any more. */
async function findTaken(
  hetzner: Hetzner,
  of: ArchiveOf,
  servers: readonly { id: number }[],
): Promise<Snapshot | undefined> {
  const own = await findOwn(hetzner, of);
  const [server] = servers;
  if (!server) return own ?? (await hetzner.findSnapshots(of.id)).find(({ id }) => id === of.former);
  if (!own) return undefined;
  const power = await hetzner.readPower(server.id);
  if (power === "off" || power === undefined) return own;
  await hetzner.deleteSnapshot(own.id);
  return undefined;
}

async function findOwn(hetzner: Hetzner, of: ArchiveOf): Promise<Snapshot | undefined> {
  const mine = (await hetzner.findSnapshots(of.id)).filter(
    ({ labels, status }) => labels[archiveLabel] === of.mark && status !== "unavailable",
  );
  return mine.find(({ status }) => status === "available") ?? mine[0];
}

async function take(
  hetzner: Hetzner,
  of: ArchiveOf,
  [server, second]: readonly { id: number }[],
  signal: AbortSignal,
  patience: Patience,
): Promise<Snapshot> {
  if (!server || second) throw notOne(of, server !== undefined);
  await switchOff(hetzner, server.id, signal, patience);
  const labels = { ...instanceLabels(of), [archiveLabel]: of.mark };
  return await hetzner.takeSnapshot(server.id, { description: `clawfleet archive of ${of.slug}`, labels });
}

/** A copy of a running disk is what a power cut leaves; of one that was shut down it is whole. */
export async function switchOff(
  hetzner: Hetzner,
  serverId: number,
  signal: AbortSignal,
  { shutdownMs, pollMs }: Patience,
): Promise<void> {
  const until = performance.now() + shutdownMs;
  let asked = false;
  let cut = false;
  for (;;) {
    const power = await hetzner.readPower(serverId);
    if (power === "off" || power === undefined) return;
    if (performance.now() >= until + shutdownMs) throw stuck(serverId);
    if (performance.now() >= until && !cut) {
      await hetzner.cutPower(serverId);
      cut = true;
    } else if (power === "running" && !asked) {
      await hetzner.shutDown(serverId);
      asked = true;
    }
    await sleep(pollMs, undefined, { signal });
  }
}

function notOne({ slug, id }: ArchiveOf, some: boolean): ClawfleetError {
  return new ClawfleetError({
    code: "conflict",
    message: `${slug}: ${some ? "more than one server carries" : "no server carries"} the label ${id}, so there is nothing certain to archive`,
    remedy: `look at Hetzner's console; fleet apply ${slug} when it is right, fleet deprovision ${slug} when nothing is to be kept`,
    retry: { kind: "permanent" },
  });
}

function copyFailed({ slug }: ArchiveOf): ClawfleetError {
  return new ClawfleetError({
    code: "cloud_unavailable",
    message: `${slug}: Hetzner did not finish the snapshot`,
    remedy: "nothing: another one is taken, and the server stays until then",
    retry: { kind: "retryable" },
  });
}

function stuck(serverId: number): ClawfleetError {
  return new ClawfleetError({
    code: "cloud_unavailable",
    message: `the server ${serverId} does not switch off`,
    remedy: "nothing: it is tried again",
    retry: { kind: "retryable" },
  });
}
