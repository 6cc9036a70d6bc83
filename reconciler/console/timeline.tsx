/** What was done to an instance, newest first. */
import type { OperationRow } from "../operations/rows.ts";
import { Ago, Outcome } from "./parts.tsx";
import { describeAge } from "../cli/table.ts";

export type TimelineProps = {
  path: string;
  now: Date;
  rows: readonly OperationRow[];
  older: number | undefined;
};

export function Timeline({ path, now, rows, older }: TimelineProps) {
  return (
    <section id="timeline" data-live="" aria-labelledby="timeline-title">
      <h2 id="timeline-title">Timeline</h2>
      {rows.length === 0 ? <p class="muted">Nothing was done yet.</p> : null}
      <ol class="timeline">
        {rows.map((row) => (
          <li>
            <p>
              <a href={`/console/operations/${row.id}`}>
                {row.kind} <span class="muted">#{row.id}</span>
              </a>{" "}
              <Outcome outcome={row.outcome} />
            </p>
            <p class="muted">
              <Ago at={row.startedAt} now={now} />
              {row.endedAt === null
                ? null
                : `, took ${describeAge(row.startedAt.toISOString(), row.endedAt)}`}{" "}
              · {row.reason} by {row.actor} · generation {row.generation}
            </p>
            {describeChanges(row) === "" ? null : <p>{describeChanges(row)}</p>}
            {row.error === null ? null : <p class="detail clamp">{row.error.message}</p>}
          </li>
        ))}
      </ol>
      {older === undefined ? null : (
        <p>
          <a href={`${path}?before=${older}#timeline`}>Older ones</a>
        </p>
      )}
    </section>
  );
}

export function describeChanges({ changes }: Pick<OperationRow, "changes">): string {
  return Object.entries(changes ?? {})
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");
}
