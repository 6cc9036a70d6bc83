/**
 * Proves with the real engine how many processes of the Pulumi CLI, and of runners, each kind of converge costs, and that outputs
 * are whole without asking for them. Says nothing of seconds; `npm run bench -- converge` does. Machines answer and run nothing.
 */
import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { version } from "@pulumi/pulumi/version.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pinnedCommand } from "../../infra/stack-handle.ts";
import type { ConvergeDeps } from "../../reconciler/converge/converge-instance.ts";
import type { RunnerPool } from "../../reconciler/engine/runner-pool.ts";
import type { ConvergeJob } from "../../reconciler/queue/jobs.ts";
import { startConvergeRig, type ConvergeRig } from "../support/converge-rig.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { findTestEngine } from "../support/engine.ts";
import { stateRoot } from "../support/state-rows.ts";

const obstacle = (await findTestEngine()) === undefined ? "the engine is not installed" : undefined;
if (obstacle !== undefined) process.stderr.write(`skipped: ${obstacle}\n`);

let database: TestDatabase;
let rig: ConvergeRig;
let deps: ConvergeDeps & { pool: RunnerPool };
let job: ConvergeJob;

async function lastOutcome(): Promise<unknown> {
  const [row] = await database.sql`
    select kind, outcome, changes from clawfleet.operations order by id desc limit 1`;
  return row;
}

async function leave(slug: string): Promise<void> {
  await database.sql`update clawfleet.instances set phase = 'gone', generation = generation + 1 where slug = ${slug}`;
}

/** Everything that the backend keeps of a stack: its state, what it was before, what was done to it, who runs it. */
function rowsOf(slug: string) {
  return database.sql`select * from public.pulumi_state where key ~ ${`/clawfleet/${slug}[/.]`}`;
}

describe.skipIf(obstacle !== undefined)("processes of a converge", () => {
  beforeAll(async () => {
    database = await createTestDatabase();
    rig = await startConvergeRig(database);
    deps = rig.createWorkerDeps();
    job = await rig.addInstance("grace");
  });
  afterAll(async () => {
    await deps?.pool.stop();
    await rig?.close();
    await database?.close();
  });

  test("a new instance: one to make the stack, one to work; its outputs are whole", async () => {
    await rig.converge(deps, job, "paid");
    expect(await rig.counter.take()).toEqual(["stack init", "up"]);
    expect(deps.pool.size()).toBe(1);
    const [row] = await database.sql`select outputs from clawfleet.instances where slug = 'grace'`;
    expect(row?.["outputs"]).toEqual({
      serverId: expect.stringMatching(/^\d+$/),
      serverType: "cx23",
      location: "nbg1",
      ipv4: expect.stringMatching(/^127\./),
      ipv6: expect.stringContaining(":"),
      privateIp: "10.0.0.3",
      url: "https://grace.claws.example",
      hosts: ["grace.claws.example"],
      openclawVersion: "2026.9.6",
      health: "started 2026.9.6",
    });
  });

  test("nothing to change: one, in the runner that is there", async () => {
    await rig.converge(deps, job, "operator");
    expect(await rig.counter.take()).toEqual(["up"]);
    expect(await lastOutcome()).toEqual({ kind: "up", outcome: "unchanged", changes: { same: 15 } });
    expect(deps.pool.size()).toBe(1);
  });

  test("a change: one", async () => {
    await rig.override(job, "openclawVersion: 2026.9.7");
    await rig.converge(deps, job, "pull-request");
    expect(await rig.counter.take()).toEqual(["up"]);
    expect(await lastOutcome()).toMatchObject({ outcome: "succeeded", changes: { update: 2, same: 13 } });
  });

  test("as desired since the last good run, and nobody suspects it: none, and no runner", async () => {
    const idle = rig.createWorkerDeps();
    await rig.converge(idle, job, "resync");
    await rig.converge(idle, job, "paid");
    expect(await rig.counter.take()).toEqual([]);
    expect(idle.pool.size()).toBe(0);
  });

  test("a preview: one", async () => {
    await rig.converge(deps, { ...job, kind: "preview" }, "operator");
    expect(await rig.counter.take()).toEqual(["preview"]);
  });

  test("a stack that vanished is made again although our rows know it", async () => {
    const hetzner = rig.sandbox.hetzner.project();
    const other = await rig.addInstance("hedy");
    await rig.converge(deps, other, "paid");
    await rig.counter.take();
    await rig.converge(deps, { ...other, reason: "operator" }, "operator");
    expect(await rig.counter.take()).toEqual(["up"]);
    await database.sql`delete from public.pulumi_state where key like '%.pulumi/stacks/clawfleet/hedy.json%'`;
    // Its objects went with it: a state that lost what exists is for recovery, not for this.
    await hetzner.api("DELETE", `/firewalls/${hetzner.firewall("cf-hedy").id}`).catch(() => undefined);
    await expect(rig.converge(deps, other, "operator")).rejects.toThrow("hedy is");
    expect(await rig.counter.take()).toEqual(["up", "stack init", "up"]);
  });

  test("the secrets of a stack stay under one salt, and no configuration is left on disk", async () => {
    const salts = await database.sql<{ salt: string }[]>`
      select distinct convert_from(decode(data ->> 'data', 'base64'), 'utf8')::jsonb
        #>> '{checkpoint,latest,secrets_providers,state,salt}' as salt
      from public.pulumi_state where key like '%.pulumi/history/clawfleet/grace/%.checkpoint.json'`;
    expect(salts).toEqual([{ salt: expect.stringMatching(/^v1:/) }]);
    expect(await readdir(rig.tmp)).toEqual([]);
  });

  test("the end of an instance: two, and the stack is gone with its backups", async () => {
    await leave("grace");
    await rig.converge(deps, job, "cancel");
    expect(await rig.counter.take()).toEqual(["destroy", "stack rm"]);
    expect(await rowsOf("grace")).toEqual([]);
  });

  test("an end that was cut off when the state was gone and its history was not: nothing is left", async () => {
    const ida = await rig.addInstance("ida");
    await rig.converge(deps, ida, "paid");
    await database.sql`create table history as ${rowsOf("ida")}`;
    await database.sql`create table before as select private_ip, outputs, secrets from clawfleet.instances where slug = 'ida'`;
    await leave("ida");
    await rig.converge(deps, ida, "cancel");
    expect(await rowsOf("ida")).toEqual([]);
    // As it is when the last process dies half-way.
    const put =
      await database.sql`insert into public.pulumi_state select * from history where key like '%/history/%'`;
    expect(put.count).toBeGreaterThan(0);
    await database.sql`
      update clawfleet.instances set status = 'waiting', gone_at = null, (private_ip, outputs, secrets) = (select * from before)
      where slug = 'ida'`;
    await rig.converge(deps, ida, "cancel");
    expect(await rowsOf("ida")).toEqual([]);
  });

  test("a stack whose making was cut off before it had a state is made all the same", async () => {
    const kim = await rig.addInstance("kim");
    const state = { version: 3, checkpoint: { stack: "organization/clawfleet/kim/clawfleet-kim" } };
    const data = { data: Buffer.from(JSON.stringify(state)).toString("base64") };
    const key = `${stateRoot(database.url)}/stacks/clawfleet/kim.json`;
    await database.sql`insert into public.pulumi_state (key, data) values (${key}, ${database.sql.json(data)})`;
    await database.sql`
      insert into clawfleet.operations (stack, instance_id, kind, reason, actor, generation, worker, outcome, ended_at)
      values ('kim', ${kim.instanceId ?? ""}, 'up', 'paid', 'test', 1, 'rig', 'interrupted', now())`;
    await rig.converge(deps, kim, "paid");
    await leave("kim");
    await rig.converge(deps, kim, "cancel");
    expect(await rowsOf("kim")).toEqual([]);
    await rig.counter.take();
  });

  test("a destroy of what was never made ends well", async () => {
    const never = await rig.addInstance("judy");
    await leave("judy");
    await rig.counter.take();
    await rig.converge(deps, never, "cancel");
    expect(await rig.counter.take()).toEqual(["destroy", "stack init", "stack rm"]);
    expect(await lastOutcome()).toMatchObject({ kind: "destroy", outcome: "unchanged" });
  });

  test("the command that the driver makes up is the one that the Automation API finds", async () => {
    const found = await PulumiCommand.get({ root: dirname((await findTestEngine()) ?? "") });
    expect(String(found.version)).toBe(version);
    expect(Object.keys(pinnedCommand())).toEqual(Object.keys(found));
  });
});
