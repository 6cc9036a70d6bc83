/** Rows of `clawfleet.git_state`, `clawfleet.git_pushes` and `clawfleet.pull_requests`. */
import type { Query } from "./database.ts";

export async function findApplied(sql: Query): Promise<string | undefined> {
  const [row] = await sql<{ commit: string }[]>`select commit from clawfleet.git_state`;
  return row?.commit;
}

/** False when somebody else has moved the fleet meanwhile. `from` undefined: it is at no commit yet. */
export async function moveApplied(
  sql: Query,
  move: { from: string | undefined; to: string; now: Date },
): Promise<boolean> {
  const { from, to, now } = move;
  const rows =
    from === undefined
      ? await sql`
          insert into clawfleet.git_state (commit, applied_at) values (${to}, ${now}) on conflict do nothing returning id`
      : await sql`
          update clawfleet.git_state set commit = ${to}, applied_at = ${now} where commit = ${from} returning id`;
  return rows.length === 1;
}

export type PushRow = {
  commit: string;
  basis: string;
  planId: number | null;
  /** `withdrawn`: the branch holds it no more, or was applied past it. */
  outcome: "applied" | "refused" | "withdrawn" | null;
  detail: string | null;
  acceptedHash: string | null;
  acceptedBy: string | null;
  decidedAt: Date | null;
};

const pushColumns = (sql: Query) => sql`
  commit, basis, plan_id::int as "planId", outcome, detail, accepted_hash as "acceptedHash", accepted_by as "acceptedBy",
  decided_at as "decidedAt"`;

export async function findPush(sql: Query, commit: string, basis: string): Promise<PushRow | undefined> {
  const [row] = await sql<PushRow[]>`
    select ${pushColumns(sql)} from clawfleet.git_pushes where commit = ${commit} and basis = ${basis}`;
  return row;
}

export async function findPushOfPlan(sql: Query, planId: number): Promise<PushRow | undefined> {
  const [row] = await sql<PushRow[]>`
    select ${pushColumns(sql)} from clawfleet.git_pushes where plan_id = ${planId}`;
  return row;
}

/** Newest decisions first; what is not decided yet before them. */
export async function listPushes(sql: Query, limit: number): Promise<PushRow[]> {
  return await sql<PushRow[]>`
    select ${pushColumns(sql)} from clawfleet.git_pushes order by decided_at desc nulls first limit ${limit}`;
}

export async function planPush(
  sql: Query,
  push: { commit: string; basis: string; planId: number },
): Promise<void> {
  await sql`
    insert into clawfleet.git_pushes (commit, basis, plan_id) values (${push.commit}, ${push.basis}, ${push.planId})
    on conflict (commit, basis) do update set plan_id = excluded.plan_id, outcome = null, detail = null, decided_at = null,
      undecided_since = case when git_pushes.outcome is null then git_pushes.undecided_since else now() end`;
}

export async function decidePush(
  sql: Query,
  push: { commit: string; basis: string },
  end: { outcome: "applied" | "refused"; detail: string; now: Date },
): Promise<void> {
  await sql`
    update clawfleet.git_pushes set
      outcome = ${end.outcome}, detail = ${end.detail}, decided_at = ${end.now}, told_at = null
    where commit = ${push.commit} and basis = ${push.basis}`;
}

/** Of what is decided about where the fleet is now, all but `commits` is over: nobody waits for it, and it is no alert any more. */
export async function withdrawPushes(
  sql: Query,
  { basis, commits, now }: { basis: string; commits: readonly string[]; now: Date },
): Promise<void> {
  await sql`
    update clawfleet.git_pushes set outcome = 'withdrawn', decided_at = ${now}
    where (basis = ${basis} and commit <> all(${[...commits]}::text[]) and (outcome is null or outcome = 'refused'))
      or (basis <> ${basis} and outcome is null)`;
}

/** Why it is not decided about yet. */
export async function noteWaiting(
  sql: Query,
  push: { commit: string; basis: string },
  detail: string,
): Promise<void> {
  await sql`
    update clawfleet.git_pushes set detail = ${detail}
    where commit = ${push.commit} and basis = ${push.basis} and outcome is null`;
}

export type Refusal = { commit: string; basis: string; planId: number; why: string };

/** Refused where the fleet is now, and not told yet. */
export async function listUntold(sql: Query): Promise<Refusal[]> {
  return await sql<Refusal[]>`
    select p.commit, p.basis, p.plan_id::int as "planId", p.detail as why
    from clawfleet.git_pushes p join clawfleet.git_state s on s.commit = p.basis
    where p.outcome = 'refused' and p.told_at is null and p.plan_id is not null order by p.decided_at`;
}

export async function markTold(
  sql: Query,
  { commit, basis }: Pick<Refusal, "commit" | "basis">,
  now: Date,
): Promise<void> {
  await sql`update clawfleet.git_pushes set told_at = ${now} where commit = ${commit} and basis = ${basis}`;
}

/** It is planned once more, and applied when that is still what was accepted. False when nothing of it was refused. */
export async function acceptPush(
  sql: Query,
  push: { commit: string; basis: string; hash: string; actor: string },
): Promise<boolean> {
  const rows = await sql`
    update clawfleet.git_pushes set
      accepted_hash = ${push.hash}, accepted_by = ${push.actor}, plan_id = null, outcome = null, detail = null, decided_at = null,
      undecided_since = now()
    where commit = ${push.commit} and basis = ${push.basis} and outcome = 'refused'
    returning commit`;
  return rows.length === 1;
}

export type PullRow = {
  number: number;
  head: string;
  planId: number | null;
  commentId: number | null;
  checkId: number | null;
  checkHead: string | null;
  published: string | null;
  /** Whose comment stands there whole, and since when by the forge's clock. */
  shownPlanId: number | null;
  shownAt: Date | null;
};

export async function findPull(sql: Query, number: number): Promise<PullRow | undefined> {
  const [row] = await sql<PullRow[]>`
    select number, head, plan_id::int as "planId", comment_id::float8 as "commentId",
      check_id::float8 as "checkId", check_head as "checkHead", published,
      shown_plan_id::int as "shownPlanId", shown_at as "shownAt"
    from clawfleet.pull_requests where number = ${number}`;
  return row;
}

export async function savePull(sql: Query, pull: PullRow): Promise<void> {
  await sql`
    insert into clawfleet.pull_requests
      (number, head, plan_id, comment_id, check_id, check_head, published, shown_plan_id, shown_at)
    values (${pull.number}, ${pull.head}, ${pull.planId}, ${pull.commentId}, ${pull.checkId}, ${pull.checkHead},
      ${pull.published}, ${pull.shownPlanId}, ${pull.shownAt})
    on conflict (number) do update set
      head = excluded.head, plan_id = excluded.plan_id, comment_id = excluded.comment_id, check_id = excluded.check_id,
      check_head = excluded.check_head, published = excluded.published, shown_plan_id = excluded.shown_plan_id, shown_at = excluded.shown_at`;
}

/** Commits ahead of the fleet's that have waited for their decision for so long, whatever keeps them. */
export async function findDelayed(sql: Query, sinceMs: number): Promise<string[]> {
  const rows = await sql<{ commit: string }[]>`
    select p.commit from clawfleet.git_pushes p join clawfleet.git_state s on s.commit = p.basis
    where p.outcome is null and p.undecided_since < now() - ${sinceMs}::int * interval '1 millisecond'
    order by p.commit`;
  return rows.map(({ commit }) => commit.slice(0, 12));
}

/** Commits that were refused where the fleet is now. */
export async function findRefused(sql: Query): Promise<string[]> {
  const rows = await sql<{ commit: string }[]>`
    select p.commit from clawfleet.git_pushes p join clawfleet.git_state s on s.commit = p.basis
    where p.outcome = 'refused' order by p.decided_at`;
  return rows.map(({ commit }) => commit.slice(0, 12));
}
