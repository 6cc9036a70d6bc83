/**
 * Proves on real rows that a converge takes nothing away while everything is halted, also what was decided before, and goes on
 * afterwards. No engine runs and no cloud is there: who goes on asks one, and is told so. What billing decides meanwhile is billing-ends.test.ts'.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Phase } from "../../infra/config.ts";
import { handleConvergeJob } from "../../reconciler/converge/worker.ts";
import { beginHalt, endHalt } from "../../reconciler/db/halt.ts";
import { startBillingSide, type BillingSide } from "../support/billing.ts";
import { cellOutputs, createCannedRuns, type CannedRuns } from "../support/canned-runs.ts";

let side: BillingSide;
let runs: CannedRuns;

beforeEach(async () => {
  side = await startBillingSide();
  runs = await createCannedRuns(side.apply);
  side.subscribe("bob");
  await side.settle();
  const { sql } = side.apply;
  await sql`update clawfleet.cells set outputs = ${sql.json(cellOutputs)}, status = 'ready', observed_generation = generation`;
  await sql`
    update clawfleet.instances set observed_phase = 'running', status = 'ready', ready_at = now(), outputs = jsonb_build_object(
      'serverId', '1', 'serverType', server_type, 'location', location, 'ipv4', '192.0.2.7', 'ipv6', '2001:db8::7',
      'privateIp', '10.0.0.3', 'url', 'https://bob.claws.example', 'openclawVersion', '2026.9.6', 'health', 'started')`;
});
afterEach(async () => {
  await runs.close();
  await side.close();
});

async function converge() {
  const { sql } = side.apply;
  const [row] = await sql<{ id: string; cell: string }[]>`select id, cell from clawfleet.instances`;
  if (!row) throw new Error("bob is there");
  const job = {
    stack: "bob",
    instanceId: row.id,
    cell: row.cell,
    kind: "converge",
    reason: "cancel",
  } as const;
  await handleConvergeJob(runs.deps, { ...job, actor: "test" }, AbortSignal.timeout(60_000));
  const [seen] = await sql<{ status: string; detail: string; failures: number }[]>`
    select status, status_detail as detail, failures from clawfleet.instances`;
  return seen;
}

/** What every way of going on asks first. */
const goesOn = "no cloud is here";

test.each<Phase>(["suspended", "archived", "gone"])(
  "%s, decided before the halt, waits for its end",
  async (phase) => {
    const { sql } = side.apply;
    await sql`update clawfleet.instances set phase = ${phase}, generation = generation + 1, status = 'pending'`;
    await beginHalt(sql, { by: "anna", reason: "looking into billing", since: side.now() });
    expect(await converge()).toMatchObject({
      status: "waiting",
      detail: "anna stopped every removal: looking into billing; fleet halt --end lets it go on",
      failures: 0,
    });
    await endHalt(sql);
    expect((await converge())?.detail).toContain(goesOn);
  },
);

test("who runs and is to run is changed all the same", async () => {
  const { sql } = side.apply;
  await sql`update clawfleet.instances set generation = generation + 1, status = 'pending'`;
  await beginHalt(sql, { by: "anna", reason: null, since: side.now() });
  expect((await converge())?.detail).toContain(goesOn);
});
