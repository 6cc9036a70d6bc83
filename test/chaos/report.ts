/** Findings told with what led to them: the disturbances that hit their instance, its operations, the requests that failed. */
import type { Sql } from "postgres";
import type { Finding } from "./audit.ts";
import { renderEntry, type JournalEntry } from "./journal.ts";

export type OperationLine = { stack: string; at: Date; text: string };

export async function readOperations(sql: Sql): Promise<OperationLine[]> {
  return await sql<OperationLine[]>`
    select stack, started_at as at, concat_ws(' ', 'operation', id, kind, 'by', worker, 'for', reason,
      coalesce(outcome, 'without end'), 'until', to_char(ended_at at time zone 'UTC', 'HH24:MI:SS.MS'), changes::text,
      left(error ->> 'message', 300)) as text
    from clawfleet.operations order by id`;
}

const longestHistory = 60;

/** Each finding, then the history of every stack that has one. */
export function renderFindings(
  findings: readonly Finding[],
  entries: readonly JournalEntry[],
  operations: readonly OperationLine[],
): string[] {
  const stacks = [...new Set(findings.map(({ stack }) => stack).filter((stack) => stack !== undefined))];
  return [
    ...findings.map(({ verdict, text }) => `${verdict}: ${text}`),
    ...stacks.flatMap((stack) => ["", `history of ${stack}:`, ...renderHistory(stack, entries, operations)]),
  ];
}

function renderHistory(
  stack: string,
  entries: readonly JournalEntry[],
  operations: readonly OperationLine[],
): string[] {
  const mine = [
    ...entries.filter(({ slugs }) => slugs.includes(stack)),
    ...operations.filter((one) => one.stack === stack).map(({ at, text }) => ({ at, text, slugs: [] })),
  ];
  const lines = mine.toSorted((a, b) => a.at.getTime() - b.at.getTime()).map((one) => `  ${renderEntry(one)}`);
  return lines.length > longestHistory
    ? [`  ${lines.length - longestHistory} earlier lines are in the journal`, ...lines.slice(-longestHistory)]
    : lines;
}
