/** What the desired rows would be with other files: decided by the very code that will do it, and taken back. */
import { pino } from "pino";
import type { Override, Phase } from "../../infra/config.ts";
import type { Plan } from "../../infra/plans.ts";
import { applyDesiredIn } from "../desired/apply.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import type { StackFiles } from "../desired/stack-files.ts";
import type { Query } from "../db/database.ts";

export type ProposedRow = {
  id: string;
  slug: string;
  cell: string | null;
  /** Of its cell. */
  account: string | null;
  phase: Phase;
  planSettings: Plan;
  override: Override;
  serverType: string;
  location: string;
  desiredHash: string;
  /** A server stands. */
  built: boolean;
};

class TakenBack extends Error {}

export type Proposal = {
  before: Map<string, ProposedRow>;
  after: Map<string, ProposedRow>;
  /** What the decision would complain about. */
  complaints: string[];
};

export async function proposeDesired(
  deps: ApplyDeps,
  files: StackFiles,
  slugs: readonly string[],
): Promise<Proposal> {
  const complaints: string[] = [];
  const log = pino(
    { level: "warn" },
    {
      write: (line: string) => {
        const said: { alert?: string; msg?: string } = JSON.parse(line);
        if (said.alert !== undefined && said.msg !== undefined) complaints.push(said.msg);
      },
    },
  );
  const { onAlert: _unused, ...rest } = deps;
  const dry = { ...rest, log, files: () => Promise.resolve(files) };
  let before = new Map<string, ProposedRow>();
  let after = before;
  try {
    await deps.sql.begin(async (tx) => {
      before = await readRows(tx, slugs);
      const actor = "plan";
      await applyDesiredIn(tx, dry, { kind: "slugs", slugs, reason: "pull-request", actor });
      after = await readRows(tx, slugs);
      throw new TakenBack();
    });
  } catch (error) {
    if (!(error instanceof TakenBack)) throw error;
  }
  return { before, after, complaints };
}

async function readRows(sql: Query, slugs: readonly string[]): Promise<Map<string, ProposedRow>> {
  const rows = await sql<ProposedRow[]>`
    select i.id, i.slug, i.cell, c.account, i.phase, i.plan_settings as "planSettings", i.override,
      i.server_type as "serverType", i.location, i.desired_hash as "desiredHash", i.outputs is not null as built
    from clawfleet.instances i left join clawfleet.cells c on c.name = i.cell
    where i.slug = any(${[...slugs]}::text[]) and i.status <> 'gone'`;
  return new Map(rows.map((row) => [row.slug, row]));
}
