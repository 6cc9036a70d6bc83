/** A fleet made directly: one customer that was really built, copied with names and ids exchanged, state and rows alike. */
import type { Sql } from "postgres";

export const sampleSlug = "sample-customer";
const perCell = 90;

/** Adds instances `c1` to `c<count>` as the sample is. @throws Error unless its state is there to be copied. */
export async function seedFleet(sql: Sql, count: number): Promise<void> {
  const sampleId = await seedRows(sql, count);
  await seedStates(sql, sampleId, count);
  await sql`analyze`;
}

/** The same without the states; returns the sample's id. @throws Error unless it was built. */
export async function seedRows(sql: Sql, count: number): Promise<string> {
  const [sample] = await sql<{ id: string }[]>`
    select id from clawfleet.instances where slug = ${sampleSlug} and status = 'ready'`;
  if (!sample) throw new Error("the sample was not built");
  await sql`
    insert into clawfleet.cells
    select copy.* from generate_series(0, (${count}::int - 1) / ${perCell}::int) at,
      (select c.* from clawfleet.cells c limit 1) cell,
      jsonb_populate_record(null::clawfleet.cells, to_jsonb(cell) || jsonb_build_object('name', 'seed' || at)) copy`;
  await sql`
    insert into clawfleet.subscriptions
    select copy.* from generate_series(1, ${count}::int) at,
      (select s.* from clawfleet.subscriptions s where s.slug = ${sampleSlug}) sample,
      jsonb_populate_record(null::clawfleet.subscriptions, to_jsonb(sample) || jsonb_build_object(
        'id', 'sub-c' || at, 'customer_id', 'customer-c' || at, 'slug', 'c' || at)) copy`;
  await sql`
    insert into clawfleet.instances
    select copy.* from generate_series(1, ${count}::int) at,
      (select i.* from clawfleet.instances i where i.slug = ${sampleSlug}) sample,
      jsonb_populate_record(null::clawfleet.instances, to_jsonb(sample) || jsonb_build_object(
        'id', 'i' || lpad(at::text, 12, 'a'), 'slug', 'c' || at,
        'subscription_id', 'sub-c' || at, 'customer_id', 'customer-c' || at,
        'cell', 'seed' || (at - 1) / ${perCell}::int,
        'private_ip', '10.0.0.' || 3 + (at - 1) % ${perCell}::int)) copy`;
  return sample.id;
}

/**
 * Every row that the engine keeps of a stack, under its name; only the state itself with its content. The copy beside it and the
 * history of its runs are never read by a run, but they are there to be passed over.
 */
async function seedStates(sql: Sql, sampleId: string, count: number): Promise<void> {
  const copied = await sql`
    insert into public.pulumi_state (key, data)
    select replace(state.key, ${sampleSlug}, 'c' || at), json_build_object('data', translate(
      encode(convert_to(replace(replace(state.content, ${sampleSlug}, 'c' || at), ${sampleId}, 'i' || lpad(at::text, 12, 'a')), 'utf8'), 'base64'),
      E'\n', ''))
    from generate_series(1, ${count}::int) at,
      (select key, case when key like ${`%/stacks/clawfleet/${sampleSlug}.json`}
         then convert_from(decode(data ->> 'data', 'base64'), 'utf8') else '{}' end as content
       from public.pulumi_state where key like ${`%/${sampleSlug}%`}) state`;
  if (copied.count < count) throw new Error("the sample's state was not found");
}

/** What one of them takes, MB. */
export async function measureStates(sql: Sql): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`
    select pg_total_relation_size('public.pulumi_state')::float8 as bytes`;
  return (row?.bytes ?? 0) / 2 ** 20;
}
