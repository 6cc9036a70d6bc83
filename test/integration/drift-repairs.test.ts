/**
 * Proves on a real database that a repair that nobody asked for is run when it does what was found, and is asked about when it
 * would do more. What an engine would say is given; what a real one says is for e2e/drift.test.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { handleConvergeJob } from "../../reconciler/converge/worker.ts";
import { listFindings, markRepairs, upsertFindings } from "../../reconciler/db/drift.ts";
import { scanActor } from "../../reconciler/drift/policy.ts";
import { toDriftJob } from "../../reconciler/drift/scan.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { cellRun, createCannedRuns } from "../support/canned-runs.ts";

let api: AdminApp;
beforeAll(async () => {
  api = await startAdminApp();
});
afterAll(() => api?.close());
beforeEach(async () => {
  await api.database.sql`delete from clawfleet.drift_findings`;
});

describe("a repair that nobody asked for", () => {
  const subject = "cell.lab";
  const network = { kind: "network" as const, objectId: "1", name: "cf-cell-lab" };
  const differences = [
    { ...network, class: "cosmetic" as const, property: "name", expected: "cf-cell-lab", seen: "other" },
  ];
  const find = () =>
    upsertFindings(
      api.database.sql,
      [
        {
          subject,
          instanceId: null,
          slug: subject,
          account: "default",
          class: "cosmetic",
          action: "repair",
          differences,
          monthlyNet: null,
          refusal: null,
        },
      ],
      new Date(),
    );
  const open = async () =>
    (await listFindings(api.database.sql)).map(({ action, refusal }) => ({ action, refusal }));

  /** Runs the cell's job with an engine that says that it would do this. Returns which kinds of runs there were. */
  async function repair(planned: Record<string, [type: string, op: string]>, actor = scanActor) {
    const { sql } = api.database;
    await sql`delete from clawfleet.operations`;
    const runs = await createCannedRuns(api.apply);
    runs.answer = (say) => {
      for (const [resource, [type, op]] of Object.entries(planned)) {
        const urn = `urn:pulumi:cell.lab::clawfleet::${type}::${resource}`;
        say({ resourcePreEvent: { metadata: { op, urn, type } } });
      }
      return Promise.resolve(cellRun(1));
    };
    const cell = { stack: subject, instanceId: null, cell: "lab" };
    const job = toDriftJob(cell, "converge", actor);
    await handleConvergeJob(runs.deps, job, new AbortController().signal);
    await runs.close();
    const ran = await sql<{ kind: string }[]>`select kind from clawfleet.operations order by id`;
    return ran.map(({ kind }) => kind);
  }
  const renamed = ["hcloud:index/network:Network", "update"] as const;
  const subnet = ["hcloud:index/networkSubnet:NetworkSubnet", "create"] as const;

  test("is run when it does what was found", async () => {
    await find();
    expect(await repair({ network: [...renamed] })).toEqual(["preview", "up"]);
    expect(await open()).toEqual([{ action: "repair", refusal: null }]);
  });

  test("of a cell waits while the fleet is paused, as an operator's order does", async () => {
    await api.request("PUT", "/api/v1/pauses/*");
    await find();
    expect(await repair({ network: [...renamed] })).toEqual([]);
    const refused = await api.request("POST", "/api/v1/cells/lab/apply");
    expect(refused).toMatchObject({ status: 409, body: { error: { remedy: "fleet resume" } } });
    const { sql } = api.database;
    await sql`update clawfleet.cells set generation = generation + 1 where name = 'lab'`;
    await sql`delete from pgboss.job`;
    await api.request("DELETE", "/api/v1/pauses/*");
    expect(await sql`select data ->> 'stack' as stack from pgboss.job`).toEqual([{ stack: subject }]);
    expect(await repair({ network: [...renamed] })).toContain("up");
  });

  test("is asked about when it would do more, and stays so until the cell differs in another way", async () => {
    await find();
    expect(await repair({ network: [...renamed], subnet: [...subnet] })).toEqual(["preview"]);
    const asked = [{ action: "ask", refusal: "it would also create subnet" }];
    expect(await open()).toEqual(asked);
    await find();
    expect(await open()).toEqual(asked);
    differences[0] = { ...network, class: "cosmetic", property: "name", expected: "x", seen: "a third" };
    await find();
    expect(await open()).toEqual([{ action: "repair", refusal: null }]);
  });

  test("is no longer looked at when a person has ordered it, whoever tries it again", async () => {
    await find();
    const [finding] = await listFindings(api.database.sql);
    const asked = { actor: "anna", now: api.apply.clock.now() };
    await markRepairs(api.database.sql, [finding?.id ?? 0], asked);
    expect(await repair({ subnet: [...subnet] }, "retry")).toEqual(["up"]);
  });
});
