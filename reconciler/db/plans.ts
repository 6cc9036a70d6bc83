/** Rows of `clawfleet.plans` and `clawfleet.plan_customers`: one statement a function. */
import type { CustomerPlan } from "../gitops/plan.ts";
import type { SettingChange } from "../gitops/setting-changes.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type PlanPurpose = "review" | "push";

export type NewPlan = {
  purpose: PlanPurpose;
  base: string;
  head: string;
  pullRequest: number | null;
  digest: string;
  actor: string;
  settings: readonly SettingChange[];
  problems: readonly string[];
  labels: readonly string[];
  now: Date;
};

export async function insertPlan(sql: Query, plan: NewPlan): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    insert into clawfleet.plans (purpose, base, head, pull_request, digest, actor, settings, problems, labels, created_at)
    values (${plan.purpose}, ${plan.base}, ${plan.head}, ${plan.pullRequest}, ${plan.digest}, ${plan.actor},
      ${sql.json(toJson(plan.settings))}, ${sql.json([...plan.problems])}, ${sql.json([...plan.labels])}, ${plan.now})
    returning id::int as id`;
  return row?.id ?? 0;
}

export type PlanRow = {
  id: number;
  purpose: PlanPurpose;
  base: string;
  head: string;
  pullRequest: number | null;
  digest: string;
  actor: string;
  settings: SettingChange[];
  problems: string[];
  labels: string[];
  createdAt: Date;
  completedAt: Date | null;
  /** Its request was closed before every preview had ended. */
  withdrawnAt: Date | null;
  hash: string | null;
  seenAt: Date | null;
};

const columns = (sql: Query) => sql`
  id::int as id, purpose, base, head, pull_request as "pullRequest", digest, actor, settings, problems, labels,
  created_at as "createdAt", completed_at as "completedAt", withdrawn_at as "withdrawnAt", hash, seen_at as "seenAt"`;

export async function findPlan(sql: Query, id: number): Promise<PlanRow | undefined> {
  const [row] = await sql<PlanRow[]>`select ${columns(sql)} from clawfleet.plans where id = ${id}`;
  return row;
}

/** The last answer to a request that asked about these very texts. */
export async function findReview(sql: Query, digest: string): Promise<PlanRow | undefined> {
  const [row] = await sql<PlanRow[]>`
    select ${columns(sql)} from clawfleet.plans
    where digest = ${digest} and purpose = 'review' and pull_request is not null order by id desc limit 1`;
  return row;
}

/** When a commit was first seen on the branch. */
export async function findFirstSeen(sql: Query, commit: string): Promise<Date | undefined> {
  const [row] = await sql<{ at: Date | null }[]>`
    select min(created_at) as at from clawfleet.plans where head = ${commit} and purpose = 'push'`;
  return row?.at ?? undefined;
}

/** The newest answer to this very question that nobody has read yet, with the labels that are asked with now. */
export async function resumePlan(
  sql: Query,
  asked: Pick<NewPlan, "base" | "head" | "pullRequest" | "digest" | "labels">,
): Promise<number | undefined> {
  const { base, head, pullRequest, digest, labels } = asked;
  const [row] = await sql<{ id: number }[]>`
    update clawfleet.plans set labels = ${sql.json([...labels])} where seen_at is null and id = (
      select p.id from clawfleet.plans p
      where p.digest = ${digest} and p.base = ${base} and p.head = ${head} and p.purpose = 'review' and p.withdrawn_at is null
        and p.pull_request is not distinct from ${pullRequest}::int
        and not exists (
          select 1 from clawfleet.plans newer where newer.pull_request = p.pull_request and newer.id > p.id)
      order by p.id desc limit 1)
    returning id::int as id`;
  return row?.id;
}

/** The first time counts. */
export async function markSeen(sql: Query, id: number, now: Date): Promise<void> {
  await sql`update clawfleet.plans set seen_at = ${now} where id = ${id} and seen_at is null`;
}

export async function completePlan(sql: Query, id: number, end: { hash: string; now: Date }): Promise<void> {
  await sql`update clawfleet.plans set completed_at = ${end.now}, hash = ${end.hash} where id = ${id}`;
}

export type CustomerResult = Pick<
  CustomerPlan,
  "steps" | "diff" | "costBefore" | "costAfter" | "error" | "again" | "note"
>;
export type PlanCustomerRow = {
  slug: string;
  why: string[];
  desired: string;
  proposal: unknown;
  current: { serverType: string; location: string; backups: boolean } | null;
  /** Slug of whoever is previewed in its place; null: itself, or nobody. */
  example: string | null;
  result: CustomerResult | null;
};

export async function insertPlanCustomers(
  sql: Query,
  planId: number,
  customers: readonly PlanCustomerRow[],
): Promise<void> {
  await sql`
    insert into clawfleet.plan_customers (plan_id, slug, why, desired, proposal, current, example, result)
    select ${planId}, c.slug, c.why, c.desired, nullif(c.proposal, 'null'), nullif(c.current, 'null'), c.example,
      nullif(c.result, 'null')
    from jsonb_to_recordset(${sql.json(toJson(customers))}) as c(
      slug text, why jsonb, desired text, proposal jsonb, current jsonb, example text, result jsonb)`;
}

export async function listPlanCustomers(sql: Query, planId: number): Promise<PlanCustomerRow[]> {
  return await sql<PlanCustomerRow[]>`
    select slug, why, desired, proposal, current, example, result from clawfleet.plan_customers
    where plan_id = ${planId} order by slug`;
}

export async function findPlanCustomer(
  sql: Query,
  planId: number,
  slug: string,
): Promise<PlanCustomerRow | undefined> {
  const [row] = await sql<PlanCustomerRow[]>`
    select slug, why, desired, proposal, current, example, result from clawfleet.plan_customers
    where plan_id = ${planId} and slug = ${slug}`;
  return row;
}

export type Progress = { previewed: number; previews: number };

export async function countPreviews(sql: Query, planId: number): Promise<Progress> {
  const [row] = await sql<Progress[]>`
    select count(*) filter (where result is not null)::int as previewed, count(*)::int as previews
    from clawfleet.plan_customers where plan_id = ${planId} and example is null`;
  return row ?? { previewed: 0, previews: 0 };
}

export async function isPreviewing(sql: Query, planId: number): Promise<boolean> {
  const rows = await sql`
    select 1 from clawfleet.plan_customers where plan_id = ${planId} and result is null and example is null limit 1`;
  return rows.length > 0;
}

/** The request has been planned anew since, or it is closed: nobody waits for it. */
export async function isUnwanted(sql: Query, planId: number): Promise<boolean> {
  const rows = await sql`
    select 1 from clawfleet.plans p where p.id = ${planId} and (p.withdrawn_at is not null or exists (
      select 1 from clawfleet.plans newer where newer.pull_request = p.pull_request and newer.id > p.id))`;
  return rows.length > 0;
}

/** Of the forge's requests all but the open ones. */
export async function withdrawPlans(
  sql: Query,
  { open, now }: { open: readonly number[]; now: Date },
): Promise<void> {
  await sql`
    update clawfleet.plans p set withdrawn_at = ${now}
    where p.purpose = 'review' and p.completed_at is null and p.withdrawn_at is null
      and p.pull_request <> all(${[...open]}::int[])
      and exists (select 1 from clawfleet.pull_requests r where r.plan_id = p.id)`;
}

/** How often a commit was planned where the fleet was at `base`. */
export async function countPushPlans(sql: Query, base: string, head: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from clawfleet.plans
    where head = ${head} and base = ${base} and purpose = 'push'`;
  return row?.count ?? 0;
}

export async function recordPlanCustomer(
  sql: Query,
  planId: number,
  slug: string,
  result: CustomerResult,
): Promise<void> {
  await sql`
    update clawfleet.plan_customers set result = ${sql.json(toJson(result))}
    where plan_id = ${planId} and slug = ${slug}`;
}

/** Those who were to be as `slug`, who has left, are to be as the first of them who lives. Returns whom to preview now. */
export async function replaceExample(
  sql: Query,
  planId: number,
  slug: string,
): Promise<{ stack: string; instanceId: string; cell: string } | undefined> {
  const [next] = await sql<{ stack: string; instanceId: string; cell: string }[]>`
    with next as (
      select i.slug, i.id, i.cell from clawfleet.plan_customers c
      join clawfleet.instances i on i.slug = c.slug and i.status <> 'gone' and i.cell is not null
      where c.plan_id = ${planId} and c.example = ${slug} order by i.slug limit 1
    ), moved as (
      update clawfleet.plan_customers c set example = nullif(next.slug, c.slug) from next
      where c.plan_id = ${planId} and c.example = ${slug}
    )
    select slug as stack, id as "instanceId", cell from next`;
  return next;
}

/** What waits for a preview of which the queue holds no job any more gets this result. Returns the plans that had such. */
export async function settleLostPreviews(sql: Query, result: CustomerResult): Promise<number[]> {
  const rows = await sql<{ planId: number }[]>`
    update clawfleet.plan_customers c set result = ${sql.json(toJson(result))}
    from clawfleet.plans p
    where p.id = c.plan_id and p.completed_at is null and c.result is null and c.example is null
      and not exists (
        select 1 from pgboss.job j
        where j.name = 'converge' and j.state <= 'active'
          and j.data ->> 'planId' = c.plan_id::text and j.data ->> 'stack' = c.slug)
    returning c.plan_id::int as "planId"`;
  return [...new Set(rows.map(({ planId }) => planId))];
}
