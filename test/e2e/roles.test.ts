/**
 * Proves the product split into processes: HTTP and clocks in one, workers bound to cells of two accounts in others, on one
 * PostgreSQL; how many connections they hold; and how a worker ends when it is told to once, twice and three times.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { unwrap } from "../../reconciler/cli/client.ts";
import { connections, mostConnections, poolSize } from "../../reconciler/db/connections.ts";
import { engineConnectionName, engineConnections } from "../../infra/backend.ts";
import { priorities } from "../../reconciler/queue/jobs.ts";
import type { ServiceProcess } from "../sandbox/service-process.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";
import { listDescendants, listSurvivors } from "../support/processes.ts";

const obstacle = await findObstacle();
const secondToken = "b".repeat(64);
const slots = 2;

let fleet: Fleet;
const env = {
  HCLOUD_TOKEN_SECOND: secondToken,
  CLOUDFLARE_API_TOKEN_SECOND: "default",
  CLAWFLEET_WORKERS: String(slots),
};

async function startWorker(cell: string): Promise<ServiceProcess> {
  // What `serve` alone may need is not there.
  const withheld = [
    "CLAWFLEET_ADMIN_KEY",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "CLAWFLEET_PUBLIC_URL",
  ];
  const without = Object.fromEntries(withheld.map((name) => [name, ""]));
  const stacks = { CLAWFLEET_STACKS_DIR: "/nonexistent" };
  return await fleet.startSecond({ ...without, ...stacks }, ["work", "--cell", cell]);
}

async function readCells() {
  return (await unwrap(fleet.client.cells.$get())).cells;
}

async function workersOf(slug: string): Promise<string[]> {
  const rows = await fleet.database.sql<{ worker: string }[]>`
    select distinct worker from clawfleet.operations where stack = ${slug}`;
  return rows.map(({ worker }) => worker.replace(/^.*-/, ""));
}

async function cellOf(slug: string): Promise<string | null> {
  return (await fleet.find(slug)).cell;
}

describe.skipIf(obstacle !== undefined)("one product in several processes", () => {
  let lab: ServiceProcess;
  let second: ServiceProcess;
  beforeAll(async () => {
    fleet = await startFleet(env, { args: ["serve"] });
    fleet.sandbox.hetzner.addToken({ token: secondToken, project: "second" });
    const keys = [
      "zone: claws.example",
      "account: second",
      "reach: public",
      "backendPublicIps: [127.0.0.1/32]",
      "sshPort: 2222",
    ];
    await writeFile(
      join(fleet.stacksDir, "Pulumi.cell.two.yaml"),
      `config:\n${keys.map((key) => `  clawfleet:${key}\n`).join("")}`,
    );
  });
  afterAll(() => fleet?.close());
  afterEach(() => {
    fleet.sandbox.hetzner.faults.clear();
  });

  test("each worker does what its cells need, in its cell's account, without files of its own", async () => {
    lab = await startWorker("lab");
    second = await startWorker("two");
    await eventually("both cells are up", async () => {
      const cells = await readCells();
      return cells.length === 2 && cells.every(({ status }) => status === "ready");
    });
    const names = ["amy", "bob", "cleo", "dan"];
    for (const name of names) await fleet.provision(name);
    for (const name of names) await fleet.untilStatus(name, "ready");
    const projects = {
      lab: fleet.sandbox.hetzner.project(),
      two: fleet.sandbox.hetzner.project(secondToken),
    };
    for (const name of names) {
      const cell = (await cellOf(name)) === "two" ? "two" : "lab";
      expect(await workersOf(name)).toEqual([String({ lab, two: second }[cell].pid)]);
      expect(projects[cell].servers().map((server) => server.name)).toContain(`cf-${name}`);
    }
    expect(new Set(await Promise.all(names.map(cellOf)))).toEqual(new Set(["lab", "two"]));
    const cells = await readCells();
    expect(
      cells.map(({ name, members, records, workers }) => [name, members, records, workers.length]),
    ).toEqual([
      ["lab", 2, 8, 1],
      ["two", 2, 8, 1],
    ]);
  });

  test("every process says that it is ready", async () => {
    for (const { url } of [fleet.service, lab, second]) {
      const answer = await fetch(`${url}/readyz`);
      expect([answer.status, await answer.json()]).toEqual([200, { ready: true }]);
    }
  });

  test("a worker at work holds no more connections than the handbook says", async () => {
    const most = new Map<string, number>();
    let mostTogether = 0;
    const { sql } = fleet.database;
    const looking = (async () => {
      for (let quiet = 0; quiet < 20;) {
        const rows = await sql<{ name: string; count: number }[]>`
          select application_name as name, count(*)::int as count from pg_stat_activity
          where datname = current_database() and application_name like 'clawfleet-%' group by 1`;
        for (const { name, count } of rows) most.set(name, Math.max(most.get(name) ?? 0, count));
        mostTogether = Math.max(
          mostTogether,
          rows.reduce((sum, { count }) => sum + count, 0),
        );
        const [open] = await sql<{ count: number }[]>`
          select count(*)::int as count from pgboss.job where name = 'converge' and state <= 'active'`;
        quiet = open?.count === 0 ? quiet + 1 : 0;
      }
    })();
    const names = ["amy", "bob", "cleo", "dan"];
    for (const slug of names) {
      const query = { refresh: "true" as const };
      await unwrap(fleet.client.instances[":slug"].apply.$post({ param: { slug }, query }));
    }
    await looking;
    const seen = (name: string) => most.get(name) ?? 0;
    expect(seen(engineConnectionName)).toBeGreaterThan(0);
    expect(seen(engineConnectionName)).toBeLessThanOrEqual(2 * slots * engineConnections);
    expect(seen("clawfleet-work")).toBeLessThanOrEqual(2 * (poolSize("work", slots) + connections.listen));
    expect(seen("clawfleet-serve")).toBeLessThanOrEqual(poolSize("serve", 0) + connections.listen);
    expect(seen("clawfleet-queue")).toBeLessThanOrEqual(3 * connections.queue);
    expect(mostTogether).toBeLessThanOrEqual(
      mostConnections("serve", 0) + 2 * mostConnections("work", slots),
    );
    expect([...most.keys()].toSorted(), "every connection has a name").toEqual([
      engineConnectionName,
      "clawfleet-inputs",
      "clawfleet-queue",
      "clawfleet-serve",
      "clawfleet-work",
    ]);
  });

  test("told once, a worker lets the run that is under way end well, and is no worker any more", async () => {
    const slug = await findIn("lab");
    const after = await fleet.lastOperationId(slug);
    await fleet.client.instances[":slug"].apply.$post({ param: { slug }, query: { refresh: "true" } });
    await eventually("a run is under way", async () =>
      (await fleet.operations(slug)).some(({ id }) => id > after),
    );
    expect(await lab.stop(180_000)).toBe(0);
    expect((await fleet.operations(slug))[0]).toMatchObject({ outcome: "unchanged" });
    expect((await readCells()).find(({ name }) => name === "lab")?.workers).toEqual([]);
  });

  test("told twice, it cuts the run short: no process, no lock, and the job is free at once and as urgent", async () => {
    const { below, slug } = await startSlowRun(second);
    await interrupt(second, 2);
    expect(await second.ended).toBe(0);
    expect(await listSurvivors(below)).toEqual([]);
    expect(await readLocks()).toEqual([]);
    const jobs = await fleet.database.sql<{ state: string; due: boolean; priority: number }[]>`
      select state::text, start_after <= now() as due, priority from pgboss.job
      where name = 'converge' and state <= 'active' and data ->> 'reason' = 'drift' and data ->> 'stack' = ${slug}`;
    expect(jobs).toEqual([{ state: "retry", due: true, priority: priorities.drift }]);
    fleet.sandbox.hetzner.faults.clear();
    const before = await fleet.lastOperationId(slug);
    second = await startWorker("two");
    expect(await fleet.nextOperation(slug, before, ["up"])).toMatchObject({
      outcome: "unchanged",
      reason: "drift",
    });
    await fleet.untilStatus(slug, "ready");
  });

  test("told three times, it leaves at once and takes every process with it", async () => {
    const { below } = await startSlowRun(second);
    // An engine that obeys nobody.
    for (const { pid, command } of below) if (/\bpulumi\b.* up /.test(command)) process.kill(pid, "SIGSTOP");
    await interrupt(second, 3);
    expect(await second.ended).toBe(130);
    await eventually("nothing of it runs any more", async () => (await listSurvivors(below)).length === 0);
  });
});

/** One after the other: signals of one kind that come at once are one. */
async function interrupt(worker: ServiceProcess, times: number): Promise<void> {
  for (let count = 1; count <= times; count += 1) {
    const before = (await fleet.readLog()).split('"signal":"SIGINT"').length;
    worker.interrupt();
    if (count > 2) return;
    await eventually(
      "it has noticed",
      async () => (await fleet.readLog()).split('"signal":"SIGINT"').length > before,
    );
  }
}

/** A run that waits for Hetzner's answer much longer than anybody waits for the run. */
async function startSlowRun(
  worker: ServiceProcess,
): Promise<{ slug: string; below: Awaited<ReturnType<typeof listDescendants>> }> {
  const slug = await findIn("two");
  const { hetzner } = fleet.sandbox;
  hetzner.faults.add({ method: "GET", path: "^/v1/servers/\\d+$", effect: { kind: "delay", ms: 600_000 } });
  await fleet.client.instances[":slug"].apply.$post({ param: { slug }, query: { refresh: "true" } });
  await eventually("Hetzner is asked", () => hetzner.faults.pending() === 0);
  return { slug, below: await listDescendants(worker.pid) };
}

async function findIn(cell: string): Promise<string> {
  const { instances } = await unwrap(fleet.client.instances.$get({ query: { limit: "100" } }));
  return instances.find((one) => one.cell === cell)?.slug ?? "";
}

async function readLocks(): Promise<string[]> {
  const rows = await fleet.database.sql<{ key: string }[]>`
    select key from public.pulumi_state where key like '%/locks/%'`;
  return rows.map(({ key }) => key);
}
