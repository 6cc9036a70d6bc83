/** Open findings as a table that is paged, the gravest first: each page is one statement, however many there are. */
import { driftClasses } from "../drift/compare.ts";
import type { Query } from "./database.ts";
import { findingColumns, type FindingRow } from "./drift.ts";

export type FindingFilter = {
  /** Stack that it is about. */
  name?: string | undefined;
  /** `<kind>:<id>` of an object that no state knows. */
  object?: string | undefined;
};

export type FindingPageInput = FindingFilter & {
  /** Id of the finding that the page follows, or precedes; it may be closed by now. */
  after?: number | undefined;
  before?: number | undefined;
  limit: number;
};

export type FindingPage = {
  rows: FindingRow[];
  /** Of every page. */
  total: number;
  previous: number | null;
  next: number | null;
};

/** The gravest have the lowest; of those the oldest come first. */
const rank = (sql: Query) => sql`-array_position(${[...driftClasses]}::text[], class)`;

const matches = (sql: Query, { name, object }: FindingFilter) => sql`
  closed_at is null
  and (${name ?? null}::text is null or slug = ${name ?? null})
  and (${object ?? null}::text is null or (subject = ${object ?? null} and class in ('leak', 'stateless')))`;

export async function readFindings(sql: Query, input: FindingPageInput): Promise<FindingPage> {
  const { after, before, limit } = input;
  const backwards = after === undefined && before !== undefined;
  const beside = after ?? before;
  const cursor =
    beside === undefined
      ? sql`true`
      : sql`(${rank(sql)}, id) ${backwards ? sql`<` : sql`>`} (
          select ${rank(sql)}, id from clawfleet.drift_findings where id = ${beside})`;
  const order = backwards ? sql`desc` : sql`asc`;
  const found = await sql<FindingRow[]>`
    select ${findingColumns(sql)} from clawfleet.drift_findings where ${matches(sql, input)} and ${cursor}
    order by ${rank(sql)} ${order}, id ${order} limit ${limit + 1}`;
  const more = found.length > limit;
  const rows = found.slice(0, limit);
  if (backwards) rows.reverse();
  const hasPrevious = backwards ? more : beside !== undefined;
  const hasNext = backwards || more;
  return {
    rows,
    total: await countMatching(sql, input),
    previous: (hasPrevious ? rows[0]?.id : undefined) ?? null,
    next: (hasNext ? rows.at(-1)?.id : undefined) ?? null,
  };
}

async function countMatching(sql: Query, filter: FindingFilter): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from clawfleet.drift_findings where ${matches(sql, filter)}`;
  return row?.count ?? 0;
}
