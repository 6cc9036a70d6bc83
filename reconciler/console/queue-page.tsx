/** What runs and waits, what the clouds still let us ask, who works, and what is held. */
import type { JobCount, QueueView } from "./queue-view.ts";
import { BudgetTable } from "./budget-table.tsx";
import { Csrf, Frame, Notice, type Viewer } from "./frame.tsx";
import { Ago, Scroll, Status } from "./parts.tsx";

export type QueuePageProps = { viewer: Viewer; view: QueueView; done: string | undefined };

export function QueuePage({ viewer, view, done }: QueuePageProps) {
  const { now } = viewer;
  return (
    <Frame title="Queue and budgets" here="queue" viewer={viewer}>
      <h1>Queue and budgets</h1>
      {done === undefined ? null : <Notice kind="good">{done}</Notice>}
      <FleetHold viewer={viewer} view={view} />
      <Halt viewer={viewer} halt={view.halt} />
      <div id="queue" data-live="" data-refresh="5000">
        <ul class="figures">
          {view.jobs.map((job) => (
            <Figure job={job} />
          ))}
        </ul>
        <Blocks view={view} now={now} />
        <BudgetTable budgets={view.budgets} />
        <Converges view={view} now={now} />
        <Workers view={view} />
        <Cells view={view} />
      </div>
    </Frame>
  );
}

function Figure({ job }: { job: JobCount }) {
  return (
    <li>
      <b>{job.running}</b> running, <b>{job.waiting}</b> waiting
      <span class="sub">
        {job.queue}
        {job.oldestSeconds === undefined ? "" : `, the oldest due for ${Math.round(job.oldestSeconds)} s`}
      </span>
    </li>
  );
}

/** The big switch: everybody is left as they are. */
function FleetHold({ viewer, view }: { viewer: Viewer; view: QueueView }) {
  const whole = view.pauses.find(({ scope }) => scope === "*");
  const others = view.pauses.filter(({ scope }) => scope !== "*");
  const may = viewer.operator.scopes.has("operate");
  return (
    <div class="hold">
      {whole === undefined ? null : (
        <p class="notice" data-kind="bad">
          The fleet is held by {whole.actor}, <Ago at={whole.since} now={viewer.now} />: nothing is changed in
          the clouds.
        </p>
      )}
      {others.length === 0 ? null : (
        <p>
          Held:{" "}
          {others.map(({ scope, actor }) => (
            <>
              <a href={`/console/instances/${scope}`}>{scope}</a> <span class="muted">by {actor}</span>{" "}
            </>
          ))}
        </p>
      )}
      {!may ? null : whole === undefined ? (
        <details>
          <summary>Hold the whole fleet</summary>
          <form method="post" action="/console/queue/pause">
            <Csrf viewer={viewer} />
            <p>
              Nothing is changed in the clouds for anybody until it is released. Runs under way come to their
              end.
            </p>
            <button type="submit" class="bad">
              Hold the whole fleet
            </button>
          </form>
        </details>
      ) : (
        <form method="post" action="/console/queue/unpause">
          <Csrf viewer={viewer} />
          <button type="submit">Release the fleet</button>
        </form>
      )}
    </div>
  );
}

/** The smaller switch: nobody loses anything, and everything else goes on. */
function Halt({ viewer, halt }: { viewer: Viewer; halt: QueueView["halt"] }) {
  const may = viewer.operator.scopes.has("operate");
  if (halt === undefined && !may) return null;
  return (
    <div class="hold">
      {halt === undefined ? (
        <details>
          <summary>Stop every removal</summary>
          <form method="post" action="/console/queue/halt" class="stack">
            <Csrf viewer={viewer} />
            <p>
              No gateway is stopped and no server or snapshot deleted, whatever billing says. New customers
              and repairs go on.
            </p>
            <label for="halt-reason">Why (whoever sees what waits reads it)</label>
            <input id="halt-reason" name="reason" maxlength={300} autocomplete="off" />
            <button type="submit" class="bad">
              Stop every removal
            </button>
          </form>
        </details>
      ) : (
        <>
          <p class="notice" data-kind="bad">
            Every removal is stopped by {halt.by}, <Ago at={halt.since} now={viewer.now} />
            {halt.reason === null ? null : `: ${halt.reason}`}.
          </p>
          {may ? (
            <form method="post" action="/console/queue/unhalt">
              <Csrf viewer={viewer} />
              <button type="submit">Let removals go on</button>
            </form>
          ) : null}
        </>
      )}
    </div>
  );
}

function Blocks({ view, now }: { view: QueueView; now: Date }) {
  if (view.blocks.length === 0) return null;
  return (
    <section aria-labelledby="blocks-title">
      <h2 id="blocks-title">What keeps work waiting</h2>
      <Scroll label="What keeps work waiting">
        <table>
          <thead>
            <tr>
              <th scope="col">System</th>
              <th scope="col">Where</th>
              <th scope="col" class="number">
                Waiting
              </th>
              <th scope="col">Since</th>
              <th scope="col">Looked at again</th>
            </tr>
          </thead>
          <tbody>
            {view.blocks.map((block) => (
              <tr>
                <th scope="row">{block.blockedBy}</th>
                <td>{block.where}</td>
                <td class="number">{block.waiting}</td>
                <td>
                  <Ago at={block.since} now={now} />
                </td>
                <td>
                  <Ago at={block.probeAt} now={now} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

function Converges({ view, now }: { view: QueueView; now: Date }) {
  return (
    <section aria-labelledby="converges-title">
      <h2 id="converges-title">Converges</h2>
      <p class="muted">
        {view.reasons.length === 0
          ? "Nothing is due."
          : `Due: ${view.reasons.map(({ reason, count }) => `${count} ${reason}`).join(", ")}.`}
      </p>
      {view.converges.length === 0 ? null : (
        <Scroll label="Converges">
          <table>
            <thead>
              <tr>
                <th scope="col">Stack</th>
                <th scope="col">What</th>
                <th scope="col">For</th>
                <th scope="col">By</th>
                <th scope="col">When</th>
              </tr>
            </thead>
            <tbody>
              {view.converges.map((job) => (
                <tr>
                  <th scope="row">
                    {job.stack.startsWith("cell.") ? (
                      job.stack
                    ) : (
                      <a href={`/console/instances/${job.stack}`}>{job.stack}</a>
                    )}
                  </th>
                  <td>{job.kind}</td>
                  <td>{job.reason}</td>
                  <td>{job.actor}</td>
                  <td>
                    {job.due === null ? (
                      <>
                        <Status status="converging" /> <Ago at={job.since} now={now} />
                      </>
                    ) : (
                      <>
                        due <Ago at={job.due} now={now} />
                      </>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </section>
  );
}

function Workers({ view }: { view: QueueView }) {
  return (
    <section aria-labelledby="workers-title">
      <h2 id="workers-title">Workers</h2>
      {view.workers.length === 0 ? <p class="error">Nobody runs converges. Start one: npm run work</p> : null}
      <ul class="plain">
        {view.workers.map(({ name, binding, cells, slots, draining }) => (
          <li>
            <code>{name}</code> {slots} at once,{" "}
            {binding === "cells"
              ? `cells ${cells.join(", ")}`
              : binding === "all"
                ? "every cell"
                : "public cells"}
            {draining ? <span class="tag">draining</span> : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Cells({ view }: { view: QueueView }) {
  return (
    <section aria-labelledby="cells-title">
      <h2 id="cells-title">Cells</h2>
      {view.waiting === 0 ? null : <p class="error">{view.waiting} wait for room in a cell.</p>}
      <Scroll label="Cells">
        <table>
          <thead>
            <tr>
              <th scope="col">Cell</th>
              <th scope="col">State</th>
              <th scope="col">Account</th>
              <th scope="col" class="number">
                Members
              </th>
              <th scope="col" class="number">
                Records
              </th>
              <th scope="col" class="number">
                Room
              </th>
            </tr>
          </thead>
          <tbody>
            {view.cells.map((cell) => (
              <tr>
                <th scope="row">
                  <a href={`/console?cell=${encodeURIComponent(cell.name)}`}>{cell.name}</a>
                </th>
                <td>
                  <Status status={cell.status} /> <span class="muted">{cell.state}</span>
                  {cell.detail === null ? null : <span class="sub clamp">{cell.detail}</span>}
                </td>
                <td>{cell.account}</td>
                <td class="number">
                  {cell.members} of {cell.capacity}
                </td>
                <td class="number">
                  {cell.records} of {cell.recordQuota}
                </td>
                <td class="number">{cell.room}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
