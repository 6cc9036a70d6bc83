/** One operation with everything that was said while it ran. */
import type { LogLine } from "../db/instance-facts.ts";
import type { OperationRow } from "../operations/rows.ts";
import { Frame, type Viewer } from "./frame.tsx";
import { LogList } from "./log-list.tsx";
import { Ago, Facts, Outcome } from "./parts.tsx";
import { describeChanges } from "./timeline.tsx";

export type OperationPageProps = { viewer: Viewer; operation: OperationRow; log: LogLine[] };

export function OperationPage({ viewer, operation, log }: OperationPageProps) {
  const { id, stack, kind, error, endedAt } = operation;
  const isCell = stack.startsWith("cell.");
  return (
    <Frame title={`Operation ${id}`} viewer={viewer}>
      <p class="crumbs">
        <a href="/console">Fleet</a> / {isCell ? stack : <a href={`/console/instances/${stack}`}>{stack}</a>}{" "}
        /
      </p>
      <div class="head">
        <h1>
          {kind} <span class="muted">#{id}</span>
        </h1>
        <Outcome outcome={operation.outcome} />
      </div>
      {error === null ? null : (
        <section class="why" data-status="parked" aria-labelledby="error-title">
          <h2 id="error-title">Why it failed</h2>
          <p class="detail">{error.message}</p>
          {error.remedy === undefined ? null : (
            <p>
              <b>What to do:</b> {error.remedy}
            </p>
          )}
        </section>
      )}
      <Facts
        facts={[
          ["Began", <Ago at={operation.startedAt} now={viewer.now} />],
          ["Ended", endedAt === null ? "not yet" : <Ago at={endedAt} now={viewer.now} />],
          ["For", `${operation.reason} by ${operation.actor}`],
          ["Generation", String(operation.generation)],
          ["Changes", describeChanges(operation) || "none"],
          ["Worker", <code>{operation.worker}</code>],
        ]}
      />
      <h2>Log</h2>
      {log.length === 0 ? <p class="muted">Nothing was said, or it is so old that it was removed.</p> : null}
      <LogList lines={log} />
    </Frame>
  );
}
