/** What our own rows say about a stack before a run. One statement a function. */
import { z } from "zod";
import { findDnsNames } from "../cloud/dns-names.ts";
import type { Query } from "../db/database.ts";
import type { Override } from "../../infra/config.ts";
import { cellOutputsSchema } from "../../infra/outputs.ts";
import { parseCellStack } from "../../components/naming.ts";
import type { StackIdentity } from "./find-objects.ts";
import type { PastRun } from "./locks.ts";

export type RunRow = PastRun & {
  startedAt: Date;
  endedAt: Date | null;
  errorCode: string | null;
  errorMessage: string | null;
};

const processesSchema = z.array(z.object({ pid: z.number(), startedAt: z.coerce.date() }));

const historyLength = 100;

/** Runs before this operation that may have changed something, newest first. */
export async function listRuns(sql: Query, stack: string, before: number): Promise<RunRow[]> {
  const rows = await sql<(Omit<RunRow, "processes"> & { processes: unknown })[]>`
    select id::int as id, worker, started_at as "startedAt", ended_at as "endedAt", outcome, processes,
      error ->> 'code' as "errorCode", error ->> 'message' as "errorMessage"
    from clawfleet.operations where stack = ${stack} and kind <> 'preview' and id < ${before}
    order by operations.id desc limit ${historyLength}`;
  return rows.map((row) => ({ ...row, processes: processesSchema.parse(row.processes) }));
}

export type Identity = { stack: StackIdentity; account: string };

const settingsSchema = z.object({ subnetRange: z.string() });

type InstanceRow = {
  id: string;
  slug: string;
  override: Override;
  outputs: unknown;
  account: string;
  cellOutputs: unknown;
};

/** Undefined while its cell is not up: nothing of an instance can be in the clouds then. */
export async function findIdentity(
  sql: Query,
  stack: string,
  instanceId: string | null,
): Promise<Identity | undefined> {
  const cell = parseCellStack(stack);
  if (cell !== undefined) return await findCellIdentity(sql, cell);
  const [row] = await sql<InstanceRow[]>`
    select i.id, i.slug, i.override, i.outputs, c.account, c.outputs as "cellOutputs"
    from clawfleet.instances i join clawfleet.cells c on c.name = i.cell where i.id = ${instanceId}`;
  const outputs = cellOutputsSchema.safeParse(row?.cellOutputs);
  if (!row || !outputs.success) return undefined;
  const { id, slug, account } = row;
  const { networkId } = outputs.data;
  return {
    account,
    stack: { kind: "instance", id, slug, names: findDnsNames(row, outputs.data), networkId },
  };
}

async function findCellIdentity(sql: Query, name: string): Promise<Identity | undefined> {
  const [row] = await sql<{ account: string; settings: unknown }[]>`
    select account, settings from clawfleet.cells where name = ${name}`;
  if (!row) return undefined;
  const { subnetRange } = settingsSchema.parse(row.settings);
  return { account: row.account, stack: { kind: "cell", name, subnetRange } };
}
