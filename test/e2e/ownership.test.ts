/**
 * Proves with the real engine that a run is dead before another worker begins: its worker killed, frozen, or cut off from
 * PostgreSQL, each in the middle of a create; that the next one goes on by itself; and that a frozen worker which thaws
 * changes nothing. How long that takes at most is arithmetic (unit/process-group.test.ts). It cannot prove it of a machine
 * that is frozen as a whole.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceProcess } from "../sandbox/service-process.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";
import { listDescendants, isRunning } from "../support/processes.ts";
import { startProxy, type Proxy } from "../support/proxy.ts";

const obstacle = await findObstacle();
if (obstacle !== undefined) process.stderr.write(`skipped: ${obstacle}\n`);

let fleet: Fleet;
let proxy: Proxy;
/** One instance each, its order for a server taken and the answer withheld. */
type Held = { slug: string; service: ServiceProcess; pids: number[]; serverId: number };

const alone = { CLAWFLEET_WORKERS: "1" };
const serversOf = (slug: string) =>
  fleet.sandbox.hetzner
    .project()
    .servers()
    .filter(({ name }) => name === `cf-${slug}`);

/** Every other worker is busy, so this one takes it. */
async function holdInCreate(slug: string, service: ServiceProcess): Promise<Held> {
  const { faults } = fleet.sandbox.hetzner;
  faults.add({ method: "POST", path: "^/v1/servers$", effect: { kind: "hold-after", ms: 300_000 } });
  await fleet.provision(slug);
  const serverId = await eventually(`the server of ${slug} is made`, () => serversOf(slug)[0]?.id, 90_000);
  const below = await listDescendants(service.pid);
  const pids = below
    .filter(({ command }) => /runner\.ts|\/pulumi |pulumi up/.test(command))
    .map(({ pid }) => pid);
  expect(pids.length, `runner and engine of ${slug}`).toBeGreaterThanOrEqual(2);
  return { slug, service, pids, serverId };
}

async function workersOf(slug: string): Promise<string[]> {
  const rows = await fleet.database.sql<{ worker: string }[]>`
    select worker from clawfleet.operations where stack = ${slug} order by id`;
  return rows.map(({ worker }) => worker);
}

const isWorkerOf = (service: ServiceProcess) => (worker: string) => worker.endsWith(`-${service.pid}`);

async function alive(pids: readonly number[]): Promise<number[]> {
  const states = await Promise.all(pids.map(isRunning));
  return pids.filter((_, index) => states[index]);
}

/** The moment another worker begins, as it is seen; everything of the first has to be dead by then. */
async function untilTakenOver({ slug, service, pids }: Held): Promise<void> {
  let left: number[] = [];
  await eventually(
    `another worker runs ${slug}`,
    async () => {
      left = await alive(pids);
      return !(await workersOf(slug)).every(isWorkerOf(service));
    },
    150_000,
  );
  expect(left, `processes of ${slug} that were alive when it began again`).toEqual([]);
}

describe.skipIf(obstacle !== undefined)("a worker that is no more", () => {
  let killed: Held;
  let frozen: Held;
  let cutOff: Held;

  beforeAll(async () => {
    fleet = await startFleet(alone);
    const { hostname, port } = new URL(fleet.database.url);
    proxy = await startProxy({ host: hostname, port: Number(port) });
    const through = new URL(fleet.database.url);
    through.port = String(proxy.port);
    // The cell's own run comes first, and must not be the one that is held.
    await fleet.provision("first");
    await fleet.untilStatus("first", "ready");

    killed = await holdInCreate("kate", fleet.service);
    frozen = await holdInCreate("fran", await fleet.startSecond(alone));
    cutOff = await holdInCreate("cora", await fleet.startSecond({ ...alone, DATABASE_URL: through.href }));
  }, 400_000);
  afterAll(async () => {
    // A frozen one cannot be asked to stop.
    if (frozen?.service.isAlive()) process.kill(frozen.service.pid, "SIGCONT");
    await fleet?.close();
    await proxy?.close();
  });

  test("killed, frozen and cut off at once: each run is dead before another worker begins it again", async () => {
    await killed.service.kill();
    process.kill(frozen.service.pid, "SIGSTOP");
    proxy.cut();
    fleet.sandbox.hetzner.faults.clear();
    await fleet.startSecond({ CLAWFLEET_WORKERS: "3" });
    await Promise.all([killed, frozen, cutOff].map(untilTakenOver));
  }, 200_000);

  test("each goes on by itself with the server that the dead run made", async () => {
    for (const { slug, serverId } of [killed, frozen, cutOff]) {
      await eventually(
        `${slug} is ready`,
        async () => {
          const [row] = await fleet.database.sql<{ status: string }[]>`
            select status from clawfleet.instances where slug = ${slug}`;
          return row?.status === "ready";
        },
        150_000,
      );
      expect(serversOf(slug).map(({ id }) => id)).toEqual([serverId]);
    }
  }, 400_000);

  test("thawed, it leaves alone what is no longer its own", async () => {
    const before = await workersOf("fran");
    process.kill(frozen.service.pid, "SIGCONT");
    // The one that was cut off has said so already.
    await eventually(
      "the thawed worker has noticed",
      async () => (await fleet.readLog()).split("a claim was lost").length > 2,
      60_000,
    );
    expect(await workersOf("fran")).toEqual(before);
    const [row] = await fleet.database.sql<{ status: string; count: number }[]>`
      select status, failures as count from clawfleet.instances where slug = 'fran'`;
    expect(row).toEqual({ status: "ready", count: 0 });
  });
});
