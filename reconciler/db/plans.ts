/** Rows of `clawfleet.plans` and `clawfleet.plan_customers`: one statement a function. */
import type { CustomerPlan } from "../gitops/plan.ts";
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
  cells: readonly string[];
  problems: readonly string[];
  now: Date;
};

export async function insertPlan(sql: Query, plan: NewPlan): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    insert into clawfleet.plans (purpose, base, head, pull_request, digest, actor, cells, problems, created_at)
    values (${plan.purpose}, ${plan.base}, ${plan.head}, ${plan.pullRequest}, ${plan.digest}, ${plan.actor},
      ${sql.json([...plan.cells])}, ${sql.json([...plan.problems])}, ${plan.now})
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
  cells: string[];
  problems: string[];
  completedAt: Date | null;
  hash: string | null;
};

const columns = (sql: Query) => sql`
  id::int as id, purpose, base, head, pull_request as "pullRequest", digest, actor, cells, problems,
  completed_at as "completedAt", hash`;

export async function findPlan(sql: Query, id: number): Promise<PlanRow | undefined> {
  const [row] = await sql<PlanRow[]>`select ${columns(sql)} from clawfleet.plans where id = ${id}`;
  return row;
}

/** Reviews with this very effect, newest first. */
export async function listReviewed(sql: Query, hash: string): Promise<PlanRow[]> {
  return await sql<PlanRow[]>`
    select ${columns(sql)} from clawfleet.plans where hash = ${hash} and purpose = 'review' order by id desc limit 50`;
}

export async function completePlan(sql: Query, id: number, end: { hash: string; now: Date }): Promise<void> {
  await sql`update clawfleet.plans set completed_at = ${end.now}, hash = ${end.hash} where id = ${id}`;
}

export type CustomerResult = Pick<CustomerPlan, "steps" | "diff" | "costBefore" | "costAfter" | "error">;
export type PlanCustomerRow = {
  slug: string;
  why: string[];
  desired: string;
  proposal: unknown;
  current: { serverType: string; location: string; backups: boolean } | null;
  result: CustomerResult | null;
};

export async function insertPlanCustomers(
  sql: Query,
  planId: number,
  customers: readonly PlanCustomerRow[],
): Promise<void> {
  await sql`
    insert into clawfleet.plan_customers (plan_id, slug, why, desired, proposal, current, result)
    select ${planId}, c.slug, c.why, c.desired, nullif(c.proposal, 'null'), nullif(c.current, 'null'), nullif(c.result, 'null')
    from jsonb_to_recordset(${sql.json(toJson(customers))}) as c(
      slug text, why jsonb, desired text, proposal jsonb, current jsonb, result jsonb)`;
}

export async function listPlanCustomers(sql: Query, planId: number): Promise<PlanCustomerRow[]> {
  return await sql<PlanCustomerRow[]>`
    select slug, why, desired, proposal, current, result from clawfleet.plan_customers
    where plan_id = ${planId} order by slug`;
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
