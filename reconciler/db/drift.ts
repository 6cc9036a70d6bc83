/** Rows of `clawfleet.drift_scans` and `clawfleet.drift_findings`: one statement a function. */
import type { Difference, DriftClass } from "../drift/compare.ts";
import type { OpenFinding } from "../drift/policy.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export async function beginScan(sql: Query, startedAt: Date): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    insert into clawfleet.drift_scans (started_at) values (${startedAt}) returning id::int as id`;
  return row?.id ?? 0;
}

export type ScanEnd = {
  id: number;
  endedAt: Date;
  outcome: "complete" | "failed";
  requests: number;
  compared: number;
  detail: string | null;
};

export async function endScan(sql: Query, end: ScanEnd): Promise<void> {
  await sql`
    update clawfleet.drift_scans set
      ended_at = ${end.endedAt}, outcome = ${end.outcome}, requests = ${end.requests}, compared = ${end.compared},
      detail = ${end.detail}
    where id = ${end.id}`;
}

export type ScannedInstance = { id: string; slug: string; cell: string; account: string; resting: boolean };

/** Living instances; `resting`: as desired, and nothing ran on its stack since `since`, so that its state is the last word. */
export async function listScanned(sql: Query, since: Date): Promise<ScannedInstance[]> {
  return await sql<ScannedInstance[]>`
    select i.id, i.slug, i.cell, c.account,
      i.status = 'ready' and i.observed_generation = i.generation and not exists (
        select 1 from clawfleet.operations o
        where o.stack = i.slug and (o.ended_at is null or o.ended_at >= ${since})
      ) as resting
    from clawfleet.instances i join clawfleet.cells c on c.name = i.cell
    where i.status <> 'gone'`;
}

export type NewFinding = {
  subject: string;
  instanceId: string | null;
  slug: string | null;
  account: string;
  class: DriftClass;
  differences: readonly Difference[];
  monthlyNet: string | null;
};

/** One open finding a subject: a known one is brought up to date. Returns the subjects that are new or have changed. */
export async function upsertFindings(
  sql: Query,
  findings: readonly NewFinding[],
  now: Date,
): Promise<string[]> {
  if (findings.length === 0) return [];
  const rows = await sql<{ subject: string }[]>`
    with wanted as (
      select * from jsonb_to_recordset(${sql.json(toJson(findings))}) as w(
        subject text, "instanceId" text, slug text, account text, class text, differences jsonb, "monthlyNet" numeric)
    ), before as (
      select f.subject, f.differences from clawfleet.drift_findings f join wanted using (subject) where f.closed_at is null
    ), stored as (
      insert into clawfleet.drift_findings as f
        (subject, instance_id, slug, account, class, differences, monthly_net, first_seen, last_seen)
      select subject, "instanceId", slug, account, class, differences, "monthlyNet", ${now}, ${now} from wanted
      on conflict (subject) where closed_at is null do update set
        class = excluded.class, differences = excluded.differences, monthly_net = excluded.monthly_net, last_seen = excluded.last_seen
      returning f.subject, f.differences
    )
    select stored.subject from stored left join before using (subject)
    where before.differences is distinct from stored.differences`;
  return rows.map(({ subject }) => subject);
}

/** What this scan could have seen and did not. `unjudged`: instances that were not at rest, whose findings stay as they are. */
export async function closeFindings(
  sql: Query,
  { scanAt, unjudged }: { scanAt: Date; unjudged: readonly string[] },
): Promise<number> {
  const rows = await sql`
    update clawfleet.drift_findings set closed_at = ${scanAt}
    where closed_at is null and last_seen < ${scanAt}
      and (instance_id is null or instance_id <> all(${[...unjudged]}::text[]))
    returning id`;
  return rows.length;
}

export type FindingRow = OpenFinding & {
  subject: string;
  instanceId: string | null;
  slug: string | null;
  account: string;
  differences: Difference[];
  monthlyNet: string | null;
  lastSeen: Date;
};

export async function listFindings(sql: Query): Promise<FindingRow[]> {
  return await sql<FindingRow[]>`
    select id::text as id, subject, instance_id as "instanceId", slug, account, class, differences,
      monthly_net::text as "monthlyNet", first_seen as since, last_seen as "lastSeen", repair_at as "repairAt"
    from clawfleet.drift_findings where closed_at is null order by first_seen, id`;
}

export async function countRepairs(sql: Query, since: Date): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from clawfleet.drift_findings where repair_at > ${since}`;
  return row?.count ?? 0;
}

export async function markRepairs(sql: Query, ids: readonly string[], now: Date): Promise<void> {
  await sql`update clawfleet.drift_findings set repair_at = ${now} where id::text = any(${[...ids]}::text[])`;
}
