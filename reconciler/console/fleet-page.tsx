/** Every instance, the worst on top. */
import { phases } from "../../infra/config.ts";
import type { FleetSort, FleetTablePage, FleetTableRow } from "../db/fleet-table.ts";
import { verdicts } from "../health/decide.ts";
import { Frame, type Viewer } from "./frame.tsx";
import { toFleetPath, toSortPath, type FleetQuery } from "./fleet-query.ts";
import { Ago, HealthBadge, Scroll, Status } from "./parts.tsx";

export type FleetPageProps = {
  viewer: Viewer;
  query: FleetQuery;
  page: FleetTablePage;
  counts: ReadonlyMap<string, number>;
  choices: { plans: string[]; cells: string[] };
};

export function FleetPage(props: FleetPageProps) {
  const { viewer, query, page, counts } = props;
  const living = [...counts].reduce((sum, [status, count]) => (status === "gone" ? sum : sum + count), 0);
  const shown = query.status === undefined ? living : (counts.get(query.status) ?? 0);
  return (
    <Frame title="Fleet" here="fleet" viewer={viewer}>
      <h1>Fleet</h1>
      <nav class="chips" aria-label="By status">
        <Chip
          title="all"
          count={living}
          href={toFleetPath(query, { status: undefined })}
          on={!query.status}
        />
        {chips.map((status) => (
          <Chip
            title={status}
            count={counts.get(status) ?? 0}
            href={toFleetPath(query, { status })}
            on={query.status === status}
          />
        ))}
      </nav>
      <Filter {...props} />
      <p class="muted" id="count">
        {shown === 1 ? "1 instance" : `${shown.toLocaleString("en")} instances`}
        {isFiltered(query) ? (
          <>
            {" · "}
            <a href="/console">show all</a>
          </>
        ) : null}
      </p>
      {page.rows.length === 0 ? <p>Nobody is here who fits.</p> : <FleetTable {...props} />}
      <Pages query={query} page={page} />
    </Frame>
  );
}

/** In the order of the table. */
const chips = ["parked", "waiting", "converging", "pending", "ready", "gone"] as const;

function isFiltered(query: FleetQuery): boolean {
  const { search, status, phase, plan, cell, health } = query;
  return [search, status, phase, plan, cell, health].some((one) => one !== undefined);
}

function Chip({ title, count, href, on }: { title: string; count: number; href: string; on: boolean }) {
  return (
    <a href={href} class="chip" data-status={title} aria-current={on ? "true" : undefined}>
      {title} <b>{count.toLocaleString("en")}</b>
    </a>
  );
}

function Filter({ query, choices }: FleetPageProps) {
  return (
    <form method="get" action="/console" class="filter" role="search">
      {query.status === undefined ? null : <input type="hidden" name="status" value={query.status} />}
      {query.sort === "status" ? null : <input type="hidden" name="sort" value={query.sort} />}
      {query.descending ? <input type="hidden" name="order" value="down" /> : null}
      <label class="grow">
        <span>Name, e-mail or id</span>
        <input
          type="search"
          name="q"
          value={query.search ?? ""}
          maxlength={100}
          autocapitalize="none"
          data-slash=""
        />
      </label>
      <Choice name="phase" title="Phase" values={phases.slice(0, 3)} chosen={query.phase} />
      <Choice name="health" title="Health" values={verdicts} chosen={query.health} />
      <Choice name="plan" title="Plan" values={choices.plans} chosen={query.plan} />
      <Choice name="cell" title="Cell" values={choices.cells} chosen={query.cell} />
      <button type="submit">Filter</button>
    </form>
  );
}

type ChoiceProps = { name: string; title: string; values: readonly string[]; chosen: string | undefined };

function Choice({ name, title, values, chosen }: ChoiceProps) {
  return (
    <label>
      <span>{title}</span>
      <select name={name}>
        <option value="">any</option>
        {values.map((value) => (
          <option value={value} selected={value === chosen}>
            {value}
          </option>
        ))}
      </select>
    </label>
  );
}

const columns: { title: string; sort?: FleetSort; minor?: true }[] = [
  { title: "Name", sort: "name" },
  { title: "Status", sort: "status" },
  { title: "Health" },
  { title: "Phase", minor: true },
  { title: "Plan", sort: "plan", minor: true },
  { title: "Cell", sort: "cell", minor: true },
  { title: "Server", minor: true },
  { title: "Made", sort: "created", minor: true },
];

function FleetTable({ viewer, query, page }: FleetPageProps) {
  return (
    <Scroll label="Instances">
      <table class="fleet">
        <thead>
          <tr>
            {columns.map(({ title, sort, minor }) => (
              <th scope="col" class={minor ? "minor" : undefined} aria-sort={ariaSort(query, sort)}>
                {sort === undefined ? title : <a href={toSortPath(query, sort)}>{title}</a>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {page.rows.map((row) => (
            <Row row={row} now={viewer.now} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function ariaSort(query: FleetQuery, sort: FleetSort | undefined) {
  if (sort === undefined || query.sort !== sort) return undefined;
  return query.descending ? "descending" : "ascending";
}

function Row({ row, now }: { row: FleetTableRow; now: Date }) {
  return (
    <tr>
      <th scope="row">
        <a href={`/console/instances/${row.slug}`}>{row.slug}</a>
        {row.email === null ? null : <span class="sub">{row.email}</span>}
      </th>
      <td>
        <Status status={row.status} />
        {row.held ? <span class="tag">held</span> : null}
        {row.paused ? <span class="tag">paused</span> : null}
        {row.statusDetail === null ? null : <span class="sub clamp">{row.statusDetail}</span>}
      </td>
      <td>{row.health === null ? <span class="muted">–</span> : <HealthBadge verdict={row.health} />}</td>
      <td class="minor">{row.phase}</td>
      <td class="minor">{row.plan}</td>
      <td class="minor">{row.cell ?? <span class="muted">no room yet</span>}</td>
      <td class="minor">
        {row.serverType} <span class="muted">{row.location}</span>
      </td>
      <td class="minor">
        <Ago at={row.createdAt} now={now} />
      </td>
    </tr>
  );
}

function Pages({ query, page }: Pick<FleetPageProps, "query" | "page">) {
  if (!page.previous && !page.next) return null;
  return (
    <nav class="pages" aria-label="Pages">
      {page.previous ? (
        <a class="button" rel="prev" href={toFleetPath(query, { before: page.previous })}>
          ← Previous
        </a>
      ) : (
        <span />
      )}
      {page.next ? (
        <a class="button" rel="next" href={toFleetPath(query, { after: page.next })}>
          Next →
        </a>
      ) : null}
    </nav>
  );
}
