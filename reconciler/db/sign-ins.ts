/** Rows of `clawfleet.sign_ins`: one statement a function. */
import type { Binding } from "../queue/binding.ts";
import { isReachedBy } from "./bindings.ts";
import type { Query } from "./database.ts";
import { locatedColumns, type Located } from "./health.ts";

/** What nobody fetched is worth nothing after this time. */
export async function forgetOldSignIns(sql: Query): Promise<void> {
  await sql`delete from clawfleet.sign_ins where asked_at < now() - interval '10 minutes'`;
}

export async function askSignIn(sql: Query, asked: { instanceId: string; actor: string }): Promise<string> {
  const [row] = await sql<{ id: string }[]>`
    insert into clawfleet.sign_ins (instance_id, actor) values (${asked.instanceId}, ${asked.actor}) returning id`;
  return row?.id ?? "";
}

export type SignInRequest = Located & { request: string; slug: string };

/** Nobody waits for older ones any more. */
export async function takeSignIns(
  sql: Query,
  { binding, maxAgeMs }: { binding: Binding; maxAgeMs: number },
): Promise<SignInRequest[]> {
  return await sql<SignInRequest[]>`
    with open as (
      select s.id from clawfleet.sign_ins s join clawfleet.instances i on i.id = s.instance_id
      where s.taken_at is null and s.asked_at > now() - ${maxAgeMs} * interval '1 ms' and ${isReachedBy(sql, binding)}
      order by s.id limit 20
      for update of s skip locked
    )
    update clawfleet.sign_ins s set taken_at = now()
    from open, clawfleet.instances i join clawfleet.cells c on c.name = i.cell
    where s.id = open.id and i.id = s.instance_id
    returning s.id as request, i.slug, ${locatedColumns(sql)}`;
}

export type SignInAnswer = { link: Uint8Array } | { problem: string };

export async function answerSignIn(sql: Query, request: string, answer: SignInAnswer): Promise<void> {
  const { link, problem } = { link: null, problem: null, ...answer };
  await sql`
    update clawfleet.sign_ins set answered_at = now(), link = ${link}, problem = ${problem} where id = ${request}`;
}

/** Hands the answer over once; undefined while there is none. */
export async function fetchSignIn(
  sql: Query,
  request: string,
): Promise<{ link: Uint8Array | null; problem: string | null } | undefined> {
  const [row] = await sql<{ link: Uint8Array | null; problem: string | null }[]>`
    delete from clawfleet.sign_ins where id = ${request} and answered_at is not null returning link, problem`;
  return row;
}
