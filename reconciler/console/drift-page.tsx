/** What another hand changed in the clouds, and what nobody owns. */
import type { Difference } from "../drift/compare.ts";
import { isLostSnapshot } from "../drift/lost-snapshots.ts";
import type { DriftAnswer, FindingAnswer } from "../operators/drift.ts";
import { Csrf, Frame, Notice, type Viewer } from "./frame.tsx";
import { Ago, Scroll } from "./parts.tsx";

export type DriftPageProps = { viewer: Viewer; drift: DriftAnswer; done: string | undefined };

export function DriftPage({ viewer, drift, done }: DriftPageProps) {
  const { findings, total } = drift;
  return (
    <Frame title="Drift" here="drift" viewer={viewer}>
      <h1>Drift</h1>
      {done === undefined ? null : <Notice kind="good">{done}</Notice>}
      {viewer.operator.scopes.has("operate") ? (
        <form method="post" action="/console/drift/scan" class="actions">
          <Csrf viewer={viewer} />
          <button type="submit" class="secondary">
            Look now
          </button>
        </form>
      ) : null}
      <div id="findings" data-live="" data-refresh="10000">
        <Scans drift={drift} now={viewer.now} />
        <h2>{total === 0 ? "Nothing has drifted" : `${total} ${total === 1 ? "finding" : "findings"}`}</h2>
        <ul class="findings">
          {findings.map((finding) => (
            <Finding finding={finding} viewer={viewer} />
          ))}
        </ul>
        <Pages drift={drift} />
      </div>
    </Frame>
  );
}

function Pages({ drift: { previous, next } }: { drift: DriftAnswer }) {
  if (previous === null && next === null) return null;
  return (
    <nav class="pages" aria-label="Pages">
      {previous === null ? (
        <span />
      ) : (
        <a class="button" rel="prev" href={`/console/drift?before=${previous}`}>
          ← Previous
        </a>
      )}
      {next === null ? null : (
        <a class="button" rel="next" href={`/console/drift?after=${next}`}>
          Next →
        </a>
      )}
    </nav>
  );
}

function Scans({ drift, now }: { drift: DriftAnswer; now: Date }) {
  if (drift.scans.length === 0) return <p class="muted">Nobody has looked yet.</p>;
  return (
    <ul class="plain">
      {drift.scans.map((scan) => (
        <li>
          Account <b>{scan.account}</b>: looked <Ago at={scan.startedAt} now={now} />,{" "}
          {scan.outcome ?? "under way"}
          {scan.compared === null ? "" : `, ${scan.compared} stacks compared with ${scan.requests} requests`}
          {scan.detail === null ? null : <span class="sub">{scan.detail}</span>}
        </li>
      ))}
    </ul>
  );
}

const tones: Record<string, string> = { repair: "waiting", ask: "parked", ignore: "pending" };

function Finding({ finding, viewer }: { finding: FindingAnswer; viewer: Viewer }) {
  const { name, differences, now } = { ...finding, now: viewer.now };
  const isCell = name?.startsWith("cell.") === true;
  return (
    <li data-action={finding.action}>
      <h3>
        {name === null ? finding.subject : isCell ? name : <a href={`/console/instances/${name}`}>{name}</a>}{" "}
        <span class="badge" data-status={tones[finding.action]}>
          {finding.class}
        </span>
      </h3>
      <p class="muted">
        Account {finding.account}, since <Ago at={finding.since} now={now} />; policy: {finding.action}
        {finding.costUnknown ? "; what it costs is not known" : ""}
        {finding.monthlyNet === null ? "" : `; costs ${Number(finding.monthlyNet).toFixed(2)} a month`}
        {finding.repairAt === null ? null : (
          <>
            ; repair queued <Ago at={finding.repairAt} now={now} />
          </>
        )}
        {finding.refusal === null ? "" : `; not repaired by itself: ${finding.refusal}`}
      </p>
      <Scroll label={`Differences of ${name ?? finding.subject}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Object</th>
              <th scope="col">What</th>
              <th scope="col">Should be</th>
              <th scope="col">Is</th>
            </tr>
          </thead>
          <tbody>
            {differences.map((one) => (
              <tr>
                <th scope="row">
                  {one.kind} {one.name} <span class="muted">{one.objectId}</span>
                </th>
                <td>{one.property ?? (isUnknown(one) ? "is in no state" : "is gone")}</td>
                <td>{one.expected ?? "–"}</td>
                <td>{one.seen ?? "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {name !== null && isRepairable(differences) ? (
        <Repair name={name} mayLose={finding.class === "dangerous"} viewer={viewer} />
      ) : null}
      <DeleteObjects finding={finding} viewer={viewer} />
    </li>
  );
}

/** In no state: no run makes it right, and it is deleted on command alone. */
function isUnknown({ class: name }: Difference): boolean {
  return name === "leak" || name === "stateless";
}

function isRepairable(differences: readonly Difference[]): boolean {
  return differences.some((one) => !isUnknown(one)) && !differences.some(isLostSnapshot);
}

function Repair({ name, mayLose, viewer }: { name: string; mayLose: boolean; viewer: Viewer }) {
  if (!viewer.operator.scopes.has(mayLose ? "delete" : "operate")) return null;
  if (mayLose) {
    return (
      <TypedForm
        viewer={viewer}
        action="/console/drift/repair"
        field="name"
        value={name}
        summary={`Repair ${name}: its server may be replaced, and its disk is lost`}
        button="Repair it"
      />
    );
  }
  return (
    <form method="post" action="/console/drift/repair">
      <Csrf viewer={viewer} />
      <input type="hidden" name="name" value={name} />
      <button type="submit" id={`repair-${name}`} class="secondary" aria-label={`Repair ${name}`}>
        Repair
      </button>
    </form>
  );
}

function DeleteObjects({ finding, viewer }: { finding: FindingAnswer; viewer: Viewer }) {
  const { deletion } = finding;
  const unknown = finding.differences.filter(isUnknown);
  if (unknown.length === 0) return null;
  if (deletion !== null && deletion.error === null) {
    return (
      <p>
        Its deletion was ordered by {deletion.actor} <Ago at={deletion.at} now={viewer.now} />.
      </p>
    );
  }
  if (!viewer.operator.scopes.has("delete")) return null;
  return (
    <>
      {deletion === null ? null : <p class="error">It could not be deleted: {deletion.error}</p>}
      {unknown.map(({ kind, objectId }) => (
        <TypedForm
          viewer={viewer}
          action="/console/drift/delete"
          field="object"
          value={`${kind}:${objectId}`}
          summary={`Delete ${kind} ${objectId}`}
          button="Delete it"
        />
      ))}
    </>
  );
}

type TypedFormProps = {
  viewer: Viewer;
  action: string;
  field: string;
  value: string;
  summary: string;
  button: string;
};

/** What cannot be taken back is typed. */
function TypedForm({ viewer, action, field, value, summary, button }: TypedFormProps) {
  const id = `typed-${value.replaceAll(":", "-")}`;
  return (
    <details>
      <summary>{summary}</summary>
      <form method="post" action={action} class="stack">
        <Csrf viewer={viewer} />
        <input type="hidden" name={field} value={value} />
        <label for={id}>
          Type <code>{value}</code> to go on
        </label>
        <input id={id} name="typed" required autocomplete="off" autocapitalize="none" spellcheck={false} />
        <button type="submit" class="bad">
          {button}
        </button>
      </form>
    </details>
  );
}
