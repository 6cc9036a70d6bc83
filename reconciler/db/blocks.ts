/** Rows of `clawfleet.blocks` and those that wait for them: what is ill, since when, who looks next. */
import type { Blocker } from "../errors.ts";
import type { Reason } from "../queue/jobs.ts";
import type { Query } from "./database.ts";
import { isLiving, tableOf, type Subject } from "./subject.ts";

/** `scope`: the key of the token's budget, or the cell for the blocker `cell`. */
export type BlockKey = { blockedBy: Blocker; scope: string };

export type BlockTimes = { now: Date; probeAt: Date; relapseWindowMs: number };

/** Begins the block, or finds it there. Returns how often it came back soon after it had healed. */
export async function upsertBlock(
  sql: Query,
  key: BlockKey,
  times: BlockTimes,
): Promise<{ relapses: number }> {
  const { now, probeAt } = times;
  const recently = new Date(now.getTime() - times.relapseWindowMs);
  const [row] = await sql<{ relapses: number }[]>`
    insert into clawfleet.blocks as b (blocked_by, scope, since, probe_at, wake_after)
    values (${key.blockedBy}, ${key.scope}, ${now}, ${probeAt}, ${now})
    on conflict (blocked_by, scope) do update set
      since = case when b.healed_at is null then b.since else excluded.since end,
      relapses = case
        when b.healed_at is null then b.relapses
        when b.healed_at >= ${recently} then b.relapses + 1
        else 0 end,
      probes = case when b.healed_at is null then b.probes else 0 end,
      probe_at = case when b.healed_at is null then b.probe_at else excluded.probe_at end,
      wake_after = case when b.healed_at is null then b.wake_after else excluded.wake_after end,
      healed_at = null
    returning relapses`;
  return { relapses: row?.relapses ?? 0 };
}

/** For a block that came back: nobody else's success heals it before `wakeAfter`, and its next look is not before `probeAt`. */
export async function delayBlock(
  sql: Query,
  key: BlockKey,
  times: { wakeAfter: Date; probeAt: Date },
): Promise<void> {
  await sql`
    update clawfleet.blocks set
      wake_after = greatest(wake_after, ${times.wakeAfter}), probe_at = greatest(probe_at, ${times.probeAt})
    where blocked_by = ${key.blockedBy} and scope = ${key.scope}`;
}

/** Waits for the block to heal. It has not failed: nothing of it is to blame. */
export async function recordBlocked(
  sql: Query,
  row: Subject,
  block: BlockKey & { detail: string; reason: Reason; now: Date },
): Promise<void> {
  await sql`
    update ${tableOf(sql, row)} set
      status = 'waiting', status_detail = ${block.detail}, retry_at = null, blocked_by = ${block.blockedBy},
      blocked_scope = ${block.scope}, blocked_at = ${block.now}, retry_reason = ${block.reason}
    where ${isLiving(sql, row)}`;
}

/** Ends these blocks where they stand, whoever asks first. `force`: also such as came back lately. */
export async function endBlocks(
  sql: Query,
  blockers: readonly Blocker[],
  scope: string,
  options: { now: Date; force: boolean },
): Promise<Blocker[]> {
  const rows = await sql<{ blockedBy: Blocker }[]>`
    update clawfleet.blocks set healed_at = ${options.now}
    where blocked_by = any(${[...blockers]}::text[]) and scope = ${scope} and healed_at is null
      and (${options.force} or wake_after <= ${options.now})
    returning blocked_by as "blockedBy"`;
  return rows.map(({ blockedBy }) => blockedBy);
}

export type WaitingInstance = { id: string; slug: string; cell: string; retryReason: Reason | null };

/** Instances that wait for one of these, free to go on. */
export async function releaseBlocked(
  sql: Query,
  blockers: readonly Blocker[],
  scope: string,
): Promise<WaitingInstance[]> {
  return await sql<WaitingInstance[]>`
    update clawfleet.instances set
      status = 'pending', status_detail = null, blocked_by = null, blocked_scope = null, blocked_at = null
    where blocked_by = any(${[...blockers]}::text[]) and blocked_scope = ${scope} and status = 'waiting'
    returning id, slug, cell, retry_reason as "retryReason"`;
}

export type DueBlock = BlockKey & { probes: number };

/** Blocks that somebody has to look at now. Whoever gets one sets the time of the next look, in the same transaction. */
export async function lockDueBlocks(sql: Query, now: Date): Promise<DueBlock[]> {
  return await sql<DueBlock[]>`
    select blocked_by as "blockedBy", scope, probes from clawfleet.blocks
    where healed_at is null and probe_at <= ${now} order by probe_at
    for update skip locked`;
}

export async function recordProbe(sql: Query, key: BlockKey, next: Date): Promise<void> {
  await sql`
    update clawfleet.blocks set probes = probes + 1, probe_at = ${next}
    where blocked_by = ${key.blockedBy} and scope = ${key.scope}`;
}

/**
 * In turn the most urgent of those that wait, and whoever of all was taken the longest ago: one that never runs, for want of
 * a worker or for any other reason, keeps nobody asleep. Taking is written down.
 */
export async function pickProbe(
  sql: Query,
  block: DueBlock,
  options: { byUrgency: readonly Reason[]; now: Date },
): Promise<WaitingInstance | undefined> {
  const urgentFirst = block.probes % 2 === 0;
  const [row] = await sql<WaitingInstance[]>`
    update clawfleet.instances set blocked_at = ${options.now}
    where id = (
      select id from clawfleet.instances
      where blocked_by = ${block.blockedBy} and blocked_scope = ${block.scope} and status = 'waiting'
        and not coalesce((override ->> 'hold')::boolean, false)
      order by
        case when ${urgentFirst} then array_position(${[...options.byUrgency]}::text[], retry_reason) end nulls last,
        blocked_at, id
      limit 1
    )
    returning id, slug, cell, retry_reason as "retryReason"`;
  return row;
}

/** For metrics. */
export async function countBlocked(sql: Query): Promise<{ blockedBy: Blocker; count: number }[]> {
  return await sql<{ blockedBy: Blocker; count: number }[]>`
    select blocked_by as "blockedBy", count(*)::int as count from (
      select blocked_by from clawfleet.instances union all select blocked_by from clawfleet.cells
    ) as rows
    where blocked_by is not null group by blocked_by`;
}
