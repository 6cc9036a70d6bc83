/** Rows of `clawfleet.instances`, the desired half: who they are and what should be. */
import type { Override, Phase } from "../../infra/config.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type InstanceRow = {
  id: string;
  slug: string;
  provider: string;
  subscriptionId: string;
  customerId: string;
  email: string | null;
  cell: string;
  privateIp: string | null;
  plan: string;
  phase: Phase;
  phaseReason: string;
  nextChangeAt: Date | null;
  override: Override;
  serverType: string;
  location: string;
  desiredHash: string;
  generation: number;
  observedGeneration: number;
  status: string;
  deleteVotes: number;
  deleteVoteAt: Date | null;
};

const columns = (sql: Query) => sql`
  i.id, i.slug, i.provider, i.subscription_id as "subscriptionId", i.customer_id as "customerId", i.email, i.cell,
  host(i.private_ip) as "privateIp", i.plan, i.phase, i.phase_reason as "phaseReason", i.next_change_at as "nextChangeAt",
  i.override, i.server_type as "serverType", i.location, i.desired_hash as "desiredHash", i.generation,
  i.observed_generation as "observedGeneration", i.status, i.delete_votes as "deleteVotes",
  i.delete_vote_at as "deleteVoteAt"`;

/** Living instances with these names, and those that these subscriptions pay for. Locked in one order, against deadlock. */
export async function lockInstances(
  sql: Query,
  slugs: readonly string[],
  subscriptions: readonly { provider: string; id: string }[],
): Promise<InstanceRow[]> {
  return await sql<InstanceRow[]>`
    select ${columns(sql)} from clawfleet.instances i
    where i.status <> 'gone' and (
      i.slug = any(${[...slugs]}::text[])
      or (i.provider, i.subscription_id) in (
        select p, s from unnest(
          ${subscriptions.map((one) => one.provider)}::text[], ${subscriptions.map((one) => one.id)}::text[]
        ) as wanted(p, s)
      )
    )
    order by i.id
    for update`;
}

/** The living instance of this name. */
export async function findInstance(sql: Query, slug: string): Promise<InstanceRow | undefined> {
  const [row] = await sql<InstanceRow[]>`
    select ${columns(sql)} from clawfleet.instances i where i.slug = ${slug} and i.status <> 'gone'`;
  return row;
}

/** Names of the instances that belong to a customer and live. */
export async function listSlugsOf(sql: Query, provider: string, customerId: string): Promise<string[]> {
  const rows = await sql<{ slug: string }[]>`
    select slug from clawfleet.instances
    where provider = ${provider} and customer_id = ${customerId} and status <> 'gone'`;
  return rows.map((row) => row.slug);
}

export async function countLiving(sql: Query): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from clawfleet.instances where status <> 'gone'`;
  return row?.count ?? 0;
}

/** What `desire()` and the placement decided. */
export type DesiredColumns = Pick<
  InstanceRow,
  | "provider"
  | "subscriptionId"
  | "customerId"
  | "email"
  | "plan"
  | "phase"
  | "phaseReason"
  | "nextChangeAt"
  | "override"
  | "serverType"
  | "location"
  | "desiredHash"
>;

export type NewInstance = DesiredColumns & {
  id: string;
  slug: string;
  cell: string;
  privateIp: string;
  secrets: Uint8Array;
  now: Date;
};

/** False when the name, the subscription or the address was taken meanwhile. */
export async function insertInstance(sql: Query, row: NewInstance): Promise<boolean> {
  const rows = await sql`
    insert into clawfleet.instances (
      id, slug, provider, subscription_id, customer_id, email, cell, private_ip, secrets, plan, phase, phase_reason,
      phase_since, next_change_at, override, server_type, location, desired_hash, created_at
    ) values (
      ${row.id}, ${row.slug}, ${row.provider}, ${row.subscriptionId}, ${row.customerId}, ${row.email}, ${row.cell},
      ${row.privateIp}, ${row.secrets}, ${row.plan}, ${row.phase}, ${row.phaseReason}, ${row.now}, ${row.nextChangeAt},
      ${sql.json(toJson(row.override))}, ${row.serverType}, ${row.location}, ${row.desiredHash}, ${row.now}
    )
    on conflict do nothing
    returning id`;
  return rows.length === 1;
}

export type InstanceChange = DesiredColumns & {
  id: string;
  /** The program has something to do: a new generation, and a parked or waiting instance is tried at once. */
  newGeneration: boolean;
  /** A new way through the plan's list of places begins. */
  newPlacement: boolean;
  now: Date;
};

/** All in one statement: a sweep may change every row that there is. */
export async function updateDesired(sql: Query, changes: readonly InstanceChange[]): Promise<void> {
  if (changes.length === 0) return;
  await sql`
    update clawfleet.instances i set
      provider = w.provider, subscription_id = w."subscriptionId", customer_id = w."customerId", email = w.email,
      plan = w.plan, phase_since = case when i.phase = w.phase then i.phase_since else w.now end,
      phase = w.phase, phase_reason = w."phaseReason", next_change_at = w."nextChangeAt", override = w.override,
      server_type = w."serverType", location = w.location, desired_hash = w."desiredHash",
      placement_attempt = case when w."newPlacement" then 0 else i.placement_attempt end,
      generation = i.generation + case when w."newGeneration" then 1 else 0 end,
      failures = case when w."newGeneration" then 0 else i.failures end,
      retry_at = case when w."newGeneration" then null else i.retry_at end
    from jsonb_to_recordset(${sql.json(toJson(changes))}) as w(
      id text, provider text, "subscriptionId" text, "customerId" text, email text, plan text, phase text,
      "phaseReason" text, "nextChangeAt" timestamptz, override jsonb, "serverType" text, location text,
      "desiredHash" text, "newGeneration" boolean, "newPlacement" boolean, now timestamptz
    )
    where i.id = w.id`;
}

/** One complete reading of billing found these without entitlement. */
export async function addDeleteVotes(
  sql: Query,
  ids: readonly string[],
  sweep: { id: number; startedAt: Date },
): Promise<void> {
  await sql`
    update clawfleet.instances set
      delete_votes = delete_votes + 1, delete_vote_sweep = ${sweep.id}, delete_vote_at = ${sweep.startedAt}
    where id = any(${[...ids]}::text[])`;
}

export async function clearDeleteVotes(sql: Query, ids: readonly string[]): Promise<void> {
  await sql`
    update clawfleet.instances set delete_votes = 0, delete_vote_sweep = null, delete_vote_at = null
    where id = any(${[...ids]}::text[])`;
}

export type LaggingInstance = { id: string; slug: string; cell: string };

/** Whose last good converge is older than what is desired now, and whose next try is due. Parked ones wait for a person. */
export async function listLagging(sql: Query, now: Date): Promise<LaggingInstance[]> {
  return await sql<LaggingInstance[]>`
    select id, slug, cell from clawfleet.instances
    where status not in ('gone', 'parked') and observed_generation < generation
      and (retry_at is null or retry_at <= ${now})
    order by id`;
}

/** Its sealed secrets, locked until the transaction ends. */
export async function lockSecrets(sql: Query, id: string): Promise<Uint8Array | undefined> {
  const [row] = await sql<{ secrets: Uint8Array }[]>`
    select secrets from clawfleet.instances where id = ${id} and status <> 'gone' for update`;
  return row?.secrets;
}

/** A new generation: the machine has to learn them. */
export async function storeSecrets(sql: Query, id: string, secrets: Uint8Array): Promise<void> {
  await sql`
    update clawfleet.instances
    set secrets = ${secrets}, generation = generation + 1, failures = 0, retry_at = null
    where id = ${id}`;
}
