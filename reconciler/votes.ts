/**
 * How billing comes to take something away: every complete reading that finds it due gives a vote, two that are apart from
 * each other agree, and only so many a sweep as the cap has room for. Anything else takes the votes back.
 */
import { findHalt } from "./db/halt.ts";
import type { InstanceRow } from "./db/instances.ts";
import { addDeleteVotes, clearDeleteVotes, countLiving, lockInstances } from "./db/instances.ts";
import { listSubscriptionsFor } from "./db/subscriptions.ts";
import { readFacts, requiredVotes } from "./desired/apply.ts";
import type { ApplyDeps } from "./desired/apply-deps.ts";
import { desireFleet, type DesiredName } from "./desired/desire-fleet.ts";
import { phaseRank } from "./desired/desire.ts";
import { takeStep } from "./desired/steps.ts";
import { compedProvider } from "./operators/operators.ts";

export type VoteDeps = ApplyDeps & {
  /** Two readings that may agree on a deletion are at least this far apart. */
  intervalMs: number;
  /** Servers and snapshots that one sweep may take away, as a number and as a share of the fleet: the smaller one holds. */
  deleteCap: { count: number; share: number };
};

/** `complete`: providers that said everything they know. About customers of the others nothing new is known. */
export type Pass = { id: number; startedAt: Date; complete: ReadonlySet<string> };

export type Votes = { /** Last votes given. */ granted: number; /** That many were due. */ due: number };

export async function countRoomForRemovals({ sql, deleteCap }: VoteDeps): Promise<number> {
  const living = await countLiving(sql);
  return Math.min(deleteCap.count, Math.max(1, Math.floor(living * deleteCap.share)));
}

/** `room`: how many last votes the cap still allows. */
export async function vote(
  deps: VoteDeps,
  slugs: readonly string[],
  pass: Pass,
  room: number,
): Promise<Votes> {
  if (pass.complete.size === 0) return { granted: 0, due: 0 };
  const files = await deps.files();
  return await deps.sql.begin(async (tx) => {
    const rows = await lockInstances(tx, slugs, []);
    const subscriptions = await listSubscriptionsFor(tx, slugs);
    const facts = await readFacts(tx, { subscriptions, rows }, { files, now: pass.startedAt });
    const names = desireFleet(facts).filter(({ instance }) => instance && isRead(instance.provider, pass));
    const due = names.flatMap((name) => {
      const phase = findDue(name, pass.startedAt);
      return phase && name.instance ? [{ row: name.instance, phase }] : [];
    });
    const dueIds = new Set(due.map(({ row }) => row.id));
    const withdrawn = names.flatMap(({ instance, desired }) => {
      if (!instance || instance.deleteVotes === 0 || dueIds.has(instance.id)) return [];
      // What they led to is true still.
      const reached = desired && takeStep(instance, desired, pass.startedAt);
      return reached?.needsVotes && reached.phase === instance.phase ? [] : [instance.id];
    });
    await clearDeleteVotes(tx, withdrawn);
    // What is due only because nothing may go yet is agreed on when it may again.
    if (await findHalt(tx)) return { granted: 0, due: 0 };
    const firsts = due.filter(({ row, phase }) => votesFor(row, phase) === 0);
    const lasts = due.filter(
      ({ row, phase }) =>
        votesFor(row, phase) === requiredVotes - 1 &&
        isApart(row.deleteVoteAt, pass.startedAt, deps.intervalMs),
    );
    const granted = lasts.slice(0, Math.max(0, room));
    const given = [...firsts, ...granted].map(({ row, phase }) => ({ id: row.id, phase }));
    await addDeleteVotes(tx, given, { id: pass.id, startedAt: pass.startedAt });
    return { granted: granted.length, due: lasts.length };
  });
}

function findDue(
  { instance, desired, override }: DesiredName<InstanceRow>,
  now: Date,
): "archived" | "gone" | undefined {
  if (!instance || !desired?.needsVotes || override.hold === true) return undefined;
  const { phase } = takeStep(instance, desired, now);
  if (phaseRank[phase] <= phaseRank[instance.phase]) return undefined;
  return phase === "archived" || phase === "gone" ? phase : undefined;
}

function votesFor(row: InstanceRow, phase: string): number {
  return row.deleteVotePhase === phase ? row.deleteVotes : 0;
}

/** Whom nobody bills, nobody has to read; a provider that is not configured any more decides about nobody. */
function isRead(provider: string, pass: Pass): boolean {
  return provider === compedProvider || pass.complete.has(provider);
}

/** Sweeps begin at the slots of their interval, and not to the millisecond. */
const earlyShare = 0.1;

function isApart(before: Date | null, now: Date, intervalMs: number): boolean {
  return before !== null && now.getTime() - before.getTime() >= intervalMs * (1 - earlyShare);
}
