/** Who did what to whom, newest first. */
import type { AuditEntry } from "../db/api-keys.ts";
import { Frame, type Viewer } from "./frame.tsx";
import { Ago, Scroll } from "./parts.tsx";

export type AuditPageProps = {
  viewer: Viewer;
  entries: (AuditEntry & { id: number })[];
  actor: string | undefined;
  older: number | undefined;
};

export function AuditPage({ viewer, entries, actor, older }: AuditPageProps) {
  const search = new URLSearchParams(actor === undefined ? {} : { actor });
  if (older !== undefined) search.set("before", String(older));
  return (
    <Frame title="Audit" here="audit" viewer={viewer}>
      <h1>Audit</h1>
      <form method="get" action="/console/audit" class="filter" role="search">
        <label class="grow">
          <span>Name of the key</span>
          <input type="search" name="actor" value={actor ?? ""} maxlength={100} data-slash="" />
        </label>
        <button type="submit">Filter</button>
      </form>
      {entries.length === 0 ? (
        <p>Nobody has done anything.</p>
      ) : (
        <Entries viewer={viewer} entries={entries} />
      )}
      {older === undefined ? null : (
        <nav class="pages" aria-label="Pages">
          <span />
          <a class="button" rel="next" href={`/console/audit?${search.toString()}`}>
            Older →
          </a>
        </nav>
      )}
    </Frame>
  );
}

function Entries({ viewer, entries }: Pick<AuditPageProps, "viewer" | "entries">) {
  return (
    <Scroll label="Who did what">
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Who</th>
            <th scope="col">What</th>
            <th scope="col" class="number">
              Answer
            </th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr>
              <td>
                <Ago at={entry.at} now={viewer.now} />
              </td>
              <td>
                <a href={`/console/audit?actor=${encodeURIComponent(entry.actor)}`}>{entry.actor}</a>
              </td>
              <td>
                <code>
                  {entry.method} {entry.path}
                </code>
              </td>
              <td class="number">{entry.status}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
