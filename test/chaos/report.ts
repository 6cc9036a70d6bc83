/** Findings told with what led to them: the disturbances that hit their instance, its operations, the requests that failed. */
import type { Sql } from "postgres";
import type { Finding } from "./audit.ts";
import { renderEntry, type JournalEntry } from "./journal.ts";

export type OperationLine = {
  id: number;
  stack: string;
  at: Date;
  /** Kind, worker, reason, outcome, changes, error. */
  text: string;
};

/** Of an error what the engine itself said, when it said something. */
export async function readOperations(sql: Sql): Promise<OperationLine[]> {
  return await sql<OperationLine[]>`
    select id, stack, started_at as at, concat_ws(' ', kind, 'by', worker, 'for', reason,
      coalesce(outcome, 'without end'), changes::text, left(regexp_replace(
        coalesce(substring(error ->> 'message' from 'error: .*'), error ->> 'message'), '\\s+', ' ', 'g'), 300)) as text
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
  const runs = operations.filter((one) => one.stack === stack);
  const mine = [...entries.filter(({ slugs }) => slugs.includes(stack)), ...mergeRepeated(runs)];
  const lines = mine
    .toSorted((a, b) => a.at.getTime() - b.at.getTime())
    .map((one) => `  ${renderEntry(one)}`);
  return lines.length > longestHistory
    ? [`  ${lines.length - longestHistory} earlier lines are in the journal`, ...lines.slice(-longestHistory)]
    : lines;
}

/** The same outcome again and again is one line. */
function mergeRepeated(runs: readonly OperationLine[]): JournalEntry[] {
  const merged: (JournalEntry & { said: string; first: number; count: number })[] = [];
  for (const { id, at, text } of runs) {
    const last = merged.at(-1);
    if (last && last.said === withoutPids(text)) {
      last.count += 1;
      last.text = `operations ${last.first} to ${id}, ${last.count} times ${text}`;
    } else {
      const line = `operation ${id} ${text}`;
      merged.push({ at, text: line, slugs: [], said: withoutPids(text), first: id, count: 1 });
    }
  }
  return merged;
}

function withoutPids(text: string): string {
  return text.replaceAll(/\d{3,}/g, "#");
}
