/** Rows of `clawfleet.interventions`: what an operator decided against what billing says. */
import type { Query } from "./database.ts";

export type Intervention = {
  slug: string;
  phase: "suspended" | "gone";
  actor: string;
  reason: string | null;
};

/** Stands until it is withdrawn; a second one replaces the first. */
export async function intervene(sql: Query, input: Intervention): Promise<void> {
  await sql`
    insert into clawfleet.interventions (slug, phase, actor, reason)
    values (${input.slug}, ${input.phase}, ${input.actor}, ${input.reason})
    on conflict (slug) do update set
      phase = excluded.phase, actor = excluded.actor, reason = excluded.reason, created_at = now()`;
}

/** True when there was one. */
export async function withdrawIntervention(sql: Query, slug: string): Promise<boolean> {
  const rows = await sql`delete from clawfleet.interventions where slug = ${slug} returning slug`;
  return rows.length === 1;
}

export async function listInterventions(sql: Query, slugs: readonly string[]): Promise<Intervention[]> {
  return await sql<Intervention[]>`
    select slug, phase, actor, reason from clawfleet.interventions where slug = any(${[...slugs]}::text[])`;
}
