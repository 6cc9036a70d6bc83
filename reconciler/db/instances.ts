/** Rows of `clawfleet.instances`, the desired half: who they are and what should be. */
import type { Override, Phase } from "../../infra/config.ts";
import type { Plan } from "../../infra/plans.ts";
import type { Reason } from "../queue/jobs.ts";
import type { WaitingInstance } from "./blocks.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type InstanceRow = {
  id: string;
  slug: string;
  provider: string;
  subscriptionId: string;
  customerId: string;
  email: string | null;
  /** null: no cell has had room yet. */
  cell: string | null;
  privateIp: string | null;
  plan: string;
  /** The plan itself, as stored. null in rows of older versions. */
  planSettings: unknown;
  phase: Phase;
  phaseSince: Date;
  phaseReason: string;
  nextChangeAt: Date | null;
  override: Override;
  /** By the customer, for where no file says otherwise. */
  chosenAddress: string | null;
  serverType: string;
  location: string;
  desiredHash: string;
  generation: number;
  observedGeneration: number;
  observedPhase: Phase | null;
  /** See `Standing`. */
  downSince: Date | null;
  status: string;
  /** Of the work that is not done yet. */
  retryReason: Reason | null;
  /** Readings in a row that found `deleteVotePhase` due. */
  deleteVotes: number;
  deleteVotePhase: Phase | null;
  deleteVoteAt: Date | null;
};

const columns = (sql: Query) => sql`
  i.id, i.slug, i.provider, i.subscription_id as "subscriptionId", i.customer_id as "customerId", i.email, i.cell,
  host(i.private_ip) as "privateIp", i.plan, i.plan_settings as "planSettings", i.phase, i.phase_since as "phaseSince", i.phase_reason as "phaseReason", i.next_change_at as "nextChangeAt",
  i.override, i.chosen_address as "chosenAddress", i.server_type as "serverType", i.location, i.desired_hash as "desiredHash", i.generation,
  i.observed_generation as "observedGeneration", i.observed_phase as "observedPhase", i.down_since as "downSince", i.status, i.retry_reason as "retryReason", i.delete_votes as "deleteVotes",
  i.delete_vote_phase as "deleteVotePhase", i.delete_vote_at as "deleteVoteAt"`;

/**
 * Living instances with these names, and those that these subscriptions pay for. Locked in one order, against deadlock. Both
 * are looked for by their index: one condition with `or` reads the whole fleet for one customer.
 */
export async function lockInstances(
  sql: Query,
  slugs: readonly string[],
  subscriptions: readonly { provider: string; id: string }[],
): Promise<InstanceRow[]> {
  return await sql<InstanceRow[]>`
    select ${columns(sql)} from clawfleet.instances i
    where i.status <> 'gone' and i.id in (
      select id from clawfleet.instances where status <> 'gone' and slug = any(${[...slugs]}::text[])
      union
      select paid.id from clawfleet.instances paid
      join unnest(
        ${subscriptions.map((one) => one.provider)}::text[], ${subscriptions.map((one) => one.id)}::text[]
      ) as wanted(provider, subscription_id) using (provider, subscription_id)
      where paid.status <> 'gone'
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

/** True when a living instance has this name or is paid for by this subscription. Locks nothing. */
export async function isMade(
  sql: Query,
  slug: string,
  subscription: { provider: string; id: string },
): Promise<boolean> {
  const rows = await sql`
    select 1 from clawfleet.instances
    where status <> 'gone'
      and (slug = ${slug} or (provider = ${subscription.provider} and subscription_id = ${subscription.id}))`;
  return rows.length > 0;
}

/** Also of one that is gone. */
export async function hasInstance(sql: Query, id: string): Promise<boolean> {
  return (await sql`select 1 from clawfleet.instances where id = ${id}`).length > 0;
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
> & { planSettings: Plan };

export type NewInstance = DesiredColumns & {
  id: string;
  slug: string;
  /** Without one the instance waits for room, and `detail` says so. */
  room: { cell: string; privateIp: string } | { detail: string };
  secrets: Uint8Array;
  now: Date;
};

/** Under the locks of placement and name. */
export async function insertInstance(sql: Query, row: NewInstance): Promise<void> {
  const { room } = row;
  const placed = "cell" in room ? room : { cell: null, privateIp: null };
  const [status, detail] = "detail" in room ? ["waiting", room.detail] : ["pending", null];
  await sql`
    insert into clawfleet.instances (
      id, slug, provider, subscription_id, customer_id, email, cell, private_ip, secrets, plan, phase, phase_reason,
      phase_since, next_change_at, override, plan_settings, server_type, location, desired_hash, status, status_detail,
      created_at
    ) values (
      ${row.id}, ${row.slug}, ${row.provider}, ${row.subscriptionId}, ${row.customerId}, ${row.email}, ${placed.cell},
      ${placed.privateIp}, ${row.secrets}, ${row.plan}, ${row.phase}, ${row.phaseReason}, ${row.now}, ${row.nextChangeAt},
      ${sql.json(toJson(row.override))}, ${sql.json(toJson(row.planSettings))}, ${row.serverType}, ${row.location},
      ${row.desiredHash}, ${status}, ${detail}, ${row.now}
    )`;
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
      plan_settings = w."planSettings", server_type = w."serverType", location = w.location,
      desired_hash = w."desiredHash",
      placement_attempt = case when w."newPlacement" then 0 else i.placement_attempt end,
      generation = i.generation + case when w."newGeneration" then 1 else 0 end,
      failures = case when w."newGeneration" then 0 else i.failures end,
      retry_at = case when w."newGeneration" then null else i.retry_at end
    from jsonb_to_recordset(${sql.json(toJson(changes))}) as w(
      id text, provider text, "subscriptionId" text, "customerId" text, email text, plan text, phase text,
      "phaseReason" text, "nextChangeAt" timestamptz, override jsonb, "planSettings" jsonb, "serverType" text, location text,
      "desiredHash" text, "newGeneration" boolean, "newPlacement" boolean, now timestamptz
    )
    where i.id = w.id`;
}

/** A complete reading of billing found a phase due for each of these. Of another phase than before it is the first vote. */
export async function addDeleteVotes(
  sql: Query,
  votes: readonly { id: string; phase: Phase }[],
  sweep: { id: number; startedAt: Date },
): Promise<void> {
  if (votes.length === 0) return;
  await sql`
    update clawfleet.instances i set
      delete_votes = case when i.delete_vote_phase = v.phase then i.delete_votes + 1 else 1 end,
      delete_vote_phase = v.phase, delete_vote_sweep = ${sweep.id}, delete_vote_at = ${sweep.startedAt}
    from unnest(${votes.map(({ id }) => id)}::text[], ${votes.map(({ phase }) => phase)}::text[]) as v(id, phase)
    where i.id = v.id`;
}

/** Of everybody whom this provider bills. */
export async function clearVotesOf(sql: Query, provider: string): Promise<void> {
  await sql`
    update clawfleet.instances set
      delete_votes = 0, delete_vote_phase = null, delete_vote_sweep = null, delete_vote_at = null
    where provider = ${provider} and delete_votes > 0`;
}

export async function clearDeleteVotes(sql: Query, ids: readonly string[]): Promise<void> {
  await sql`
    update clawfleet.instances set
      delete_votes = 0, delete_vote_phase = null, delete_vote_sweep = null, delete_vote_at = null
    where id = any(${[...ids]}::text[])`;
}

export type UnplacedInstance = {
  id: string;
  slug: string;
  plan: string;
  planSettings: unknown;
  override: unknown;
  phase: Phase;
};

/** Those that wait for room, oldest first. Not those that somebody else is deciding about. */
export async function lockUnplaced(sql: Query): Promise<UnplacedInstance[]> {
  return await sql<UnplacedInstance[]>`
    select id, slug, plan, plan_settings as "planSettings", override, phase from clawfleet.instances
    where cell is null and status <> 'gone' and phase = 'running' and not coalesce((override ->> 'hold')::boolean, false)
    order by created_at, id
    limit 500
    for update skip locked`;
}

export async function countUnplaced(sql: Query): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from clawfleet.instances where cell is null and status <> 'gone' and phase = 'running'`;
  return row?.count ?? 0;
}

export async function placeInstance(
  sql: Query,
  row: Pick<InstanceRow, "id" | "serverType" | "location" | "desiredHash"> & {
    cell: string;
    privateIp: string;
  },
): Promise<void> {
  await sql`
    update clawfleet.instances set
      cell = ${row.cell}, private_ip = ${row.privateIp}, server_type = ${row.serverType}, location = ${row.location},
      desired_hash = ${row.desiredHash}, status = 'pending', status_detail = null, retry_at = null
    where id = ${row.id}`;
}

/**
 * Who are not as they are desired, and wait for nothing, in pages by id. Whose last good converge is older than what is desired
 * should have a job, and one that lost it is found here; whose server could not follow its plan, and may at no cost, is tried once a day.
 */
export async function listLagging(
  sql: Query,
  { after, limit, now }: { after: string; limit: number; now: Date },
): Promise<WaitingInstance[]> {
  const yesterday = new Date(now.getTime() - 24 * 60 * 60_000);
  return await sql<WaitingInstance[]>`
    select id, slug, cell, retry_reason as "retryReason" from clawfleet.instances i
    where id > ${after} and cell is not null and not coalesce((override ->> 'hold')::boolean, false) and (
      (status in ('pending', 'converging', 'ready') and observed_generation < generation)
      or (status = 'ready' and phase = 'running' and misfit_plan = plan and misfit_again and not exists (
        select 1 from clawfleet.operations o
        where o.instance_id = i.id and o.kind = 'up' and o.started_at > ${yesterday}
      ))
    )
    order by id limit ${limit}`;
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
