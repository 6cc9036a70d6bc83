/** Rows of `clawfleet.interventions`: what an operator decided against what billing says, subscription by subscription. */
import type { Query } from "./database.ts";

export type Intervention = {
  provider: string;
  subscriptionId: string;
  phase: "suspended" | "archived" | "gone";
  actor: string;
  reason: string | null;
};

/** Stands for as long as the subscription is known; a second one replaces the first. */
export async function intervene(sql: Query, input: Intervention): Promise<void> {
  await sql`
    insert into clawfleet.interventions (provider, subscription_id, phase, actor, reason)
    values (${input.provider}, ${input.subscriptionId}, ${input.phase}, ${input.actor}, ${input.reason})
    on conflict (provider, subscription_id) do update set
      phase = excluded.phase, actor = excluded.actor, reason = excluded.reason, created_at = now()`;
}

export async function listInterventions(
  sql: Query,
  subscriptions: readonly { provider: string; id: string }[],
): Promise<Intervention[]> {
  return await sql<Intervention[]>`
    select provider, subscription_id as "subscriptionId", phase, actor, reason from clawfleet.interventions
    where (provider, subscription_id) in (
      select p, s from unnest(
        ${subscriptions.map((one) => one.provider)}::text[], ${subscriptions.map((one) => one.id)}::text[]
      ) as wanted(p, s)
    )`;
}

/** Takes interventions of this kind back. Returns how many there were. */
export async function withdraw(
  sql: Query,
  subscriptions: readonly { provider: string; id: string }[],
  phases: readonly Intervention["phase"][],
): Promise<number> {
  const rows = await sql`
    delete from clawfleet.interventions i using unnest(
      ${subscriptions.map((one) => one.provider)}::text[], ${subscriptions.map((one) => one.id)}::text[]
    ) as wanted(provider, subscription_id)
    where i.provider = wanted.provider and i.subscription_id = wanted.subscription_id and i.phase = any(${[...phases]}::text[])
    returning i.provider`;
  return rows.length;
}
