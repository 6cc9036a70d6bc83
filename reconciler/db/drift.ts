/** Rows of `clawfleet.drift_scans` and `clawfleet.drift_findings`: one statement a function. */
import type { Difference, DriftClass } from "../drift/compare.ts";
import { maxRepairs, type DriftAction } from "../drift/policy.ts";
import { readDatabaseTime, type Query } from "./database.ts";
import { toJson } from "./json.ts";
import { isFleetPaused, isPaused } from "./pauses.ts";

/** `startedAt` is the database's time, as is everything that is compared with it. */
export async function beginScan(
  sql: Query,
  scan: { account: string; actor: string },
): Promise<{ id: number; startedAt: Date }> {
  const startedAt = await readDatabaseTime(sql);
  const [row] = await sql<{ id: number }[]>`
    insert into clawfleet.drift_scans (account, actor, started_at)
    values (${scan.account}, ${scan.actor}, ${startedAt}) returning id::int as id`;
  return { id: row?.id ?? 0, startedAt };
}

export type ScanEnd = {
  id: number;
  outcome: "complete" | "failed";
  requests: number;
  compared: number;
  findings: number;
  detail: string | null;
};

export async function endScan(sql: Query, end: ScanEnd): Promise<void> {
  await sql`
    update clawfleet.drift_scans set
      ended_at = clock_timestamp(), outcome = ${end.outcome}, requests = ${end.requests}, compared = ${end.compared},
      findings = ${end.findings}, detail = ${end.detail}
    where id = ${end.id}`;
}

export type ScanRow = {
  id: number;
  account: string;
  actor: string;
  startedAt: Date;
  endedAt: Date | null;
  outcome: string | null;
  requests: number | null;
  compared: number | null;
  findings: number | null;
  detail: string | null;
};

/** The newest of each account. */
export async function listLastScans(sql: Query): Promise<ScanRow[]> {
  return await sql<ScanRow[]>`
    select distinct on (account) id::int as id, account, actor, started_at as "startedAt", ended_at as "endedAt", outcome,
      requests, compared, findings, detail
    from clawfleet.drift_scans order by account, id desc`;
}

/** By account that has cells: the end of the last scan that was complete, and since when there has been something to scan. */
export async function listScanTimes(
  sql: Query,
): Promise<{ account: string; endedAt: Date | null; since: Date }[]> {
  return await sql<{ account: string; endedAt: Date | null; since: Date }[]>`
    select account, min(created_at) as since, (
      select max(ended_at) from clawfleet.drift_scans s where s.account = c.account and s.outcome = 'complete'
    ) as "endedAt"
    from clawfleet.cells c group by account order by account`;
}

/** A stack that a scan may judge. `id`: an instance's id, or the name of a cell's stack. */
export type ScannedStack = {
  id: string;
  stack: string;
  instanceId: string | null;
  cell: string;
  account: string;
  /** As desired, and nothing ran on it since the scan began: its state is the last word. */
  resting: boolean;
  /** Its override leaves it alone, or an operator has paused it. */
  held: boolean;
  /** What it is made from when it comes back. */
  snapshotId: string | null;
  /** That snapshot is all that there is of it. */
  archived: boolean;
};

/** Living instances, those that went meanwhile, and cells. `since`: by the database's clock. */
export async function listScanned(sql: Query, since: Date): Promise<ScannedStack[]> {
  return await sql<ScannedStack[]>`
    with all_stacks as (
      select i.id, i.slug as stack, i.id as "instanceId", i.cell, c.account,
        i.status = 'ready' and i.observed_generation = i.generation as settled,
        coalesce((i.override ->> 'hold')::boolean, false) or ${isPaused(sql)} as held, i.snapshot_id as "snapshotId",
        i.phase = 'archived' and i.observed_phase is not distinct from 'archived' as archived
      from clawfleet.instances i join clawfleet.cells c on c.name = i.cell
      where i.status <> 'gone' or i.gone_recorded_at >= ${since}
      union all
      select 'cell.' || name, 'cell.' || name, null, name, account,
        status = 'ready' and outputs is not null and observed_generation = generation, ${isFleetPaused(sql)}, null, false
      from clawfleet.cells
    )
    select id, stack, "instanceId", cell, account, held, "snapshotId", archived, settled and not exists (
      select 1 from clawfleet.operations o
      where o.stack = s.stack and o.kind <> 'preview' and (o.ended_at is null or o.end_recorded_at >= ${since})
    ) as resting
    from all_stacks s`;
}

export type NewFinding = {
  subject: string;
  instanceId: string | null;
  /** Stack that it is about; null for an orphan. */
  slug: string | null;
  account: string;
  class: DriftClass;
  action: DriftAction;
  differences: readonly Difference[];
  monthlyNet: string | null;
  /** Why it is not repaired unasked, where that is known already. */
  refusal: string | null;
};

/**
 * One open finding a subject: a known one is brought up to date. What repairs did not cure, or what was refused, is asked about until it
 * differs in another way. Returns those that are new or have changed, as they stand now.
 */
export async function upsertFindings(
  sql: Query,
  findings: readonly NewFinding[],
  now: Date,
): Promise<Pick<FindingRow, "subject" | "slug" | "class" | "action">[]> {
  if (findings.length === 0) return [];
  return await sql<Pick<FindingRow, "subject" | "slug" | "class" | "action">[]>`
    with wanted as (
      select * from jsonb_to_recordset(${sql.json(toJson(findings))}) as w(
        subject text, "instanceId" text, slug text, account text, class text, action text, differences jsonb,
        "monthlyNet" numeric, refusal text)
    ), before as (
      select f.subject, f.differences, f.action from clawfleet.drift_findings f join wanted using (subject) where f.closed_at is null
    ), stored as (
      insert into clawfleet.drift_findings as f
        (subject, instance_id, slug, account, class, action, differences, monthly_net, refusal, first_seen, last_seen)
      select subject, "instanceId", slug, account, class, action, differences, "monthlyNet", refusal, ${now}, ${now} from wanted
      on conflict (subject) where closed_at is null do update set
        class = excluded.class, differences = excluded.differences,
        repairs = case when f.differences = excluded.differences then f.repairs else 0 end,
        refusal = coalesce(excluded.refusal, case when f.differences = excluded.differences then f.refusal end),
        action = case
          when excluded.action = 'repair' and f.differences = excluded.differences
            and (f.repairs >= ${maxRepairs} or f.refusal is not null) then 'ask'
          else excluded.action
        end,
        slug = excluded.slug, instance_id = excluded.instance_id,
        monthly_net = excluded.monthly_net, last_seen = excluded.last_seen
      returning f.subject, f.slug, f.class, f.differences, f.action
    )
    select stored.subject, stored.slug, stored.class, stored.action from stored left join before using (subject)
    where (before.differences, before.action) is distinct from (stored.differences, stored.action)`;
}

/** What this account's scan could have seen and did not. `unjudged`: stacks that were not at rest; what is known of theirs stays. */
export async function closeFindings(
  sql: Query,
  { account, scanAt, unjudged }: { account: string; scanAt: Date; unjudged: readonly string[] },
): Promise<number> {
  const rows = await sql`
    update clawfleet.drift_findings set closed_at = ${scanAt}
    where closed_at is null and account = ${account} and last_seen < ${scanAt}
      and subject <> all(${[...unjudged]}::text[])
      and (slug is null or coalesce(instance_id, slug) <> all(${[...unjudged]}::text[]))
    returning id`;
  return rows.length;
}

export type FindingRow = {
  id: number;
  subject: string;
  instanceId: string | null;
  slug: string | null;
  account: string;
  class: DriftClass;
  action: DriftAction;
  differences: Difference[];
  monthlyNet: string | null;
  since: Date;
  lastSeen: Date;
  repairAt: Date | null;
  /** Who ordered that repair. */
  repairBy: string | null;
  repairs: number;
  /** Why it is not repaired unasked. */
  refusal: string | null;
  deletion: { actor: string; at: string; error: string | null } | null;
};

export const findingColumns = (sql: Query) => sql`
  id::int as id, subject, instance_id as "instanceId", slug, account, class, action, differences,
  monthly_net::text as "monthlyNet", first_seen as since, last_seen as "lastSeen", repair_at as "repairAt",
  repair_by as "repairBy", repairs, refusal, deletion`;

export async function listFindings(sql: Query): Promise<FindingRow[]> {
  return await sql<FindingRow[]>`
    select ${findingColumns(sql)} from clawfleet.drift_findings where closed_at is null order by first_seen, id`;
}

/** What an up would mend of an instance or a cell. */
export async function findFinding(
  sql: Query,
  subject: string,
): Promise<Pick<FindingRow, "id" | "differences" | "repairBy"> | undefined> {
  const [row] = await sql<Pick<FindingRow, "id" | "differences" | "repairBy">[]>`
    select id::int as id, differences, repair_by as "repairBy"
    from clawfleet.drift_findings where closed_at is null and subject = ${subject}`;
  return row;
}

export async function countFindings(
  sql: Query,
): Promise<{ class: DriftClass; action: DriftAction; count: number }[]> {
  return await sql<{ class: DriftClass; action: DriftAction; count: number }[]>`
    select class, action, count(*)::int as count from clawfleet.drift_findings
    where closed_at is null group by class, action`;
}

/** Those of closed findings too. */
export async function countRepairs(sql: Query, since: Date): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from clawfleet.drift_findings where repair_at > ${since}`;
  return row?.count ?? 0;
}

export async function markRepairs(
  sql: Query,
  ids: readonly number[],
  order: { actor: string; now: Date },
): Promise<void> {
  await sql`
    update clawfleet.drift_findings set repair_at = ${order.now}, repair_by = ${order.actor}, repairs = repairs + 1
    where id = any(${[...ids]}::bigint[])`;
}

/** Whoever orders a run that reads the clouds first has asked for the repair. */
export async function claimRepair(sql: Query, subject: string, actor: string): Promise<void> {
  await sql`update clawfleet.drift_findings set repair_by = ${actor} where subject = ${subject} and closed_at is null`;
}

/** From now on a person is asked. */
export async function refuseRepair(sql: Query, id: number, refusal: string): Promise<void> {
  await sql`update clawfleet.drift_findings set action = 'ask', refusal = ${refusal} where id = ${id}`;
}

export async function markDeletion(
  sql: Query,
  id: number,
  deletion: NonNullable<FindingRow["deletion"]>,
): Promise<void> {
  await sql`update clawfleet.drift_findings set deletion = ${sql.json(deletion)} where id = ${id}`;
}
