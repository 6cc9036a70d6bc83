/** One instance: how it is and why, what can be done about it, what it would become, what was done. */
import type { FleetRow } from "../db/fleet.ts";
import type { InstanceFacts, LogLine, LogPosition } from "../db/instance-facts.ts";
import type { OperationRow } from "../operations/rows.ts";
import { ActionButtons, DangerZone } from "./action-forms.tsx";
import type { DiffLine } from "./diff-lines.ts";
import { Frame, Notice, type Viewer } from "./frame.tsx";
import { InstanceFactsList } from "./instance-facts-list.tsx";
import { LogList } from "./log-list.tsx";
import { Ago, HealthBadge, Status } from "./parts.tsx";
import { Timeline } from "./timeline.tsx";

export type InstancePageProps = {
  viewer: Viewer;
  instance: FleetRow;
  facts: InstanceFacts;
  timeline: { rows: OperationRow[]; older: number | undefined };
  /** Of the last operation that said what it changes. */
  changes: { operation: OperationRow; lines: DiffLine[] } | undefined;
  log: LogLine[];
  at: LogPosition;
  /** What was just ordered. */
  done: string | undefined;
};

export function InstancePage(props: InstancePageProps) {
  const { viewer, instance, facts, timeline, changes, log, at, done } = props;
  const path = `/console/instances/${instance.slug}`;
  return (
    <Frame title={instance.slug} here="fleet" viewer={viewer}>
      <p class="crumbs">
        <a href="/console">Fleet</a> /
      </p>
      <div id="head" class="head" data-live="">
        <h1>{instance.slug}</h1>
        <Status status={instance.status} />
        {instance.health === null ? null : <HealthBadge verdict={instance.health.verdict} />}
        {facts.held ? <span class="tag">held by its file</span> : null}
        {facts.pauses.map(({ scope, actor }) => (
          <span class="tag">
            {scope === "*" ? "the fleet is held" : "held"} by {actor}
          </span>
        ))}
      </div>
      {done === undefined ? null : <Notice kind="good">{done}</Notice>}
      <div class="columns">
        <div>
          <Why {...props} />
          <ActionButtons {...props} />
          <section aria-labelledby="log-title">
            <h2 id="log-title">
              Log <span class="muted">UTC</span> <span id="live" class="muted" />
            </h2>
            <LogList lines={log} live={{ path: `${path}/events`, at }} />
            <noscript>
              <p class="muted">
                <a href={path}>Reload this page</a> to see how far it is.
              </p>
            </noscript>
          </section>
          <Changes changes={changes} now={viewer.now} />
          <Timeline path={path} now={viewer.now} {...timeline} />
        </div>
        <div>
          <InstanceFactsList instance={instance} facts={facts} now={viewer.now} />
          <DangerZone {...props} />
        </div>
      </div>
    </Frame>
  );
}

/** Read first by who comes because something is wrong. */
function Why({ instance, facts, timeline, viewer }: InstancePageProps) {
  const wrong = instance.status === "parked" || instance.status === "waiting";
  const last = timeline.rows.find(({ kind }) => kind !== "preview");
  const error = wrong ? last?.error : null;
  const ill = instance.health?.verdict === "ill" ? instance.health : null;
  return (
    <div id="why" data-live="">
      {wrong ? (
        <section class="why" data-status={instance.status} aria-labelledby="why-title">
          <h2 id="why-title">
            {instance.status === "parked" ? "It waits for a person" : "It waits, and goes on by itself"}
          </h2>
          {instance.statusDetail === null ? null : <p class="detail">{instance.statusDetail}</p>}
          {error && !instance.statusDetail?.includes(error.message) ? (
            <p class="detail">{error.message}</p>
          ) : null}
          {error?.remedy === undefined || instance.statusDetail?.includes(error.remedy) ? null : (
            <p>
              <b>What to do:</b> {error.remedy}
            </p>
          )}
          <p class="muted">
            {facts.failures === 0
              ? null
              : `${facts.failures} ${facts.failures === 1 ? "failure" : "failures"} in a row. `}
            {facts.blockedBy === null ? null : `It waits for ${facts.blockedBy}. `}
            {facts.retryAt === null ? null : (
              <>
                Next try <Ago at={facts.retryAt} now={viewer.now} />.
              </>
            )}
          </p>
        </section>
      ) : null}
      {ill === null ? null : (
        <section class="why" data-status="parked" aria-labelledby="ill-title">
          <h2 id="ill-title">It does not answer as it should</h2>
          {ill.detail === null ? null : <p class="detail">{ill.detail}</p>}
          <p class="muted">
            {ill.step === null ? "Nothing was tried yet." : `The last help was: ${ill.step}.`}{" "}
            {ill.needsPerson ? "Every step was tried: it needs a person." : null}
          </p>
        </section>
      )}
    </div>
  );
}

function Changes({ changes, now }: { changes: InstancePageProps["changes"]; now: Date }) {
  return (
    <section id="changes" data-live="" aria-labelledby="changes-title">
      <h2 id="changes-title">What an apply would change</h2>
      {changes === undefined ? (
        <p class="muted">Nobody has asked yet. Preview says it, and changes nothing.</p>
      ) : (
        <>
          <p class="muted">
            Preview of operation {changes.operation.id}, <Ago at={changes.operation.startedAt} now={now} />,
            for generation {changes.operation.generation}.
          </p>
          <pre class="diff" tabindex={0} aria-label="Difference">
            {changes.lines.map(({ kind, text }) => (
              <span data-kind={kind}>{`${text}\n`}</span>
            ))}
          </pre>
        </>
      )}
    </section>
  );
}
