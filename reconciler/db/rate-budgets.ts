/** Rows of `clawfleet.rate_budgets`: each exchange holds its row for the length of one transaction. */
import type { Sql } from "postgres";
import { z } from "zod";
import type { CloudName } from "../cloud/http.ts";
import type { BreakerState } from "../gate/breaker.ts";
import { newLevel } from "../gate/level.ts";
import { settle, type Report, type Settled, type SharedBudget } from "../gate/settle.ts";
import type { Want } from "../gate/level.ts";
import type { Query } from "./database.ts";

/** `tokenKey`: a keyed hash of the token, so that it is one budget under whatever name a process knows it. */
export type BudgetKey = { cloud: CloudName; tokenKey: string };

type Row = {
  limit: number;
  periodMs: number;
  remaining: number;
  asOf: Date;
  resetAt: Date | null;
  leases: unknown;
  breaker: BreakerState;
  breakerUntil: Date | null;
  breakerOpened: number;
  badAnswers: number;
  now: Date;
};

const leasesSchema = z.record(z.string(), z.object({ tokens: z.number(), until: z.coerce.date() }));

export type Exchange = {
  holder: string;
  /** Names of the token's accounts in this process, for people. */
  accounts: readonly string[];
  /** Called once the row is held: ages in it must not leave out the time that was waited for it. */
  report(): Report;
  want: Want | undefined;
  random: number;
};

/** The database's clock rules: workers' own differ. */
export async function exchange(sql: Sql, key: BudgetKey, input: Exchange): Promise<Settled> {
  return await sql.begin(async (tx) => {
    const row = (await lockRow(tx, key)) ?? (await createRow(tx, key));
    const settled = settle(key.cloud, toBudget(row), { ...input, report: input.report() }, row.now);
    await updateRow(tx, key, settled.budget, input.accounts);
    return settled;
  });
}

async function lockRow(sql: Query, { cloud, tokenKey }: BudgetKey): Promise<Row | undefined> {
  const [row] = await sql<Row[]>`
    select request_limit as "limit", period_ms as "periodMs", remaining, as_of as "asOf", reset_at as "resetAt", leases,
      breaker, breaker_until as "breakerUntil", breaker_opened as "breakerOpened", bad_answers as "badAnswers",
      clock_timestamp() as now
    from clawfleet.rate_budgets where cloud = ${cloud} and token_key = ${tokenKey} for update`;
  return row;
}

async function createRow(sql: Query, key: BudgetKey): Promise<Row> {
  const { cloud, tokenKey } = key;
  const full = newLevel(cloud, new Date());
  await sql`
    insert into clawfleet.rate_budgets (cloud, token_key, request_limit, period_ms, remaining, as_of)
    values (${cloud}, ${tokenKey}, ${full.limit}, ${full.periodMs}, ${full.remaining}, clock_timestamp())
    on conflict do nothing`;
  const row = await lockRow(sql, key);
  if (!row) throw new Error(`the budget of ${cloud} ${tokenKey} vanished`);
  return row;
}

async function updateRow(
  sql: Query,
  { cloud, tokenKey }: BudgetKey,
  budget: SharedBudget,
  accounts: readonly string[],
): Promise<void> {
  const leases = [...budget.leases].map(([holder, { tokens, until }]) => [
    holder,
    { tokens, until: until.toISOString() },
  ]);
  const { breaker } = budget;
  await sql`
    update clawfleet.rate_budgets set
      request_limit = ${budget.limit}, period_ms = ${budget.periodMs}, remaining = ${budget.remaining},
      as_of = ${budget.asOf}, reset_at = ${budget.resetAt}, leases = ${sql.json(Object.fromEntries(leases))},
      breaker = ${breaker.state}, breaker_until = ${breaker.until}, breaker_opened = ${breaker.opened},
      bad_answers = ${breaker.bad},
      accounts = array(select distinct unnest(accounts || ${[...accounts]}::text[]) order by 1)
    where cloud = ${cloud} and token_key = ${tokenKey}`;
}

function toBudget(row: Row): SharedBudget {
  const { limit, periodMs, remaining, asOf, resetAt } = row;
  const breaker = {
    state: row.breaker,
    until: row.breakerUntil,
    opened: row.breakerOpened,
    bad: row.badAnswers,
  };
  const leases = new Map(Object.entries(leasesSchema.parse(row.leases)));
  return { limit, periodMs, remaining, asOf, resetAt, breaker, leases };
}

export type BudgetSeen = BudgetKey & {
  accounts: string[];
  limit: number;
  remaining: number;
  breaker: BreakerState;
};

/** For metrics and for who looks after breakers: as it is now, leases taken off. A token that replaced another comes after it. */
export async function listBudgets(sql: Query): Promise<BudgetSeen[]> {
  return await sql<BudgetSeen[]>`
    select cloud, token_key as "tokenKey", accounts, request_limit as "limit", breaker,
      case
        when cloud = 'cloudflare' and reset_at <= clock_timestamp() then request_limit
        when cloud = 'cloudflare' then remaining
        else least(request_limit, remaining
          + extract(epoch from clock_timestamp() - as_of) * 1000 * request_limit / period_ms)
      end::float8 as remaining
    from clawfleet.rate_budgets order by cloud, as_of`;
}
