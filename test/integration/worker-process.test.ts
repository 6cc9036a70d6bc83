/**
 * Proves how a worker process meets the database, without an engine: what its readiness says, and that it gives way to a
 * newer version. A real process on a real PostgreSQL; what it converges is another matter.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { cellSettingsSchema } from "../../infra/config.ts";
import { insertCell } from "../../reconciler/db/cells.ts";
import { findFreePort } from "../../reconciler/db/free-port.ts";
import { listWorkers } from "../../reconciler/db/workers.ts";
import { startServiceProcess, type ServiceProcess } from "../sandbox/service-process.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/poll.ts";
import { startProxy } from "../support/proxy.ts";

let database: TestDatabase;
let home: string;
let logFile: string;
const processes: ServiceProcess[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "clawfleet-worker-"));
  logFile = join(home, "worker.log");
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const one of processes.splice(0)) await one.kill();
  await database.sql`delete from clawfleet.migrations where id = 9999`;
});
afterAll(async () => {
  await database.close();
  await rm(home, { recursive: true, force: true });
});

/** On a machine without an engine: its folders are empty. */
async function startWorker(args: string[] = [], env: Record<string, string> = {}): Promise<ServiceProcess> {
  const all = {
    PATH: join(home, "bin"),
    HOME: home,
    DATABASE_URL: database.url,
    CLAWFLEET_MASTER_KEY: "ab".repeat(32),
    HCLOUD_TOKEN_SECOND: "b".repeat(64),
    CLOUDFLARE_API_TOKEN_SECOND: "c".repeat(40),
    CLAWFLEET_LISTEN: `127.0.0.1:${await findFreePort()}`,
    ...env,
  };
  const started = await startServiceProcess(all, logFile, ["work", ...args]);
  processes.push(started);
  return started;
}

test("a worker is seen with its cells while it lives, and not after it has ended", async () => {
  const worker = await startWorker(["--cell", "eu1", "--cell", "eu2"]);
  expect(await listWorkers(database.sql)).toMatchObject([
    { binding: "cells", cells: ["eu1", "eu2"], slots: 2 },
  ]);
  const unbound = await startWorker([], { CLAWFLEET_WORKERS: "5" });
  expect(
    (await listWorkers(database.sql)).map(({ binding, slots }) => `${binding} ${slots}`).toSorted(),
  ).toEqual(["cells 2", "public 5"]);
  expect(await worker.stop()).toBe(0);
  expect(await unbound.stop()).toBe(0);
  expect(await listWorkers(database.sql)).toEqual([]);
});

test("it answers for itself: alive, and not ready while there is no engine", async () => {
  const worker = await startWorker();
  expect((await fetch(`${worker.url}/healthz`)).status).toBe(200);
  const ready = await fetch(`${worker.url}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([503, { ready: false, failing: ["engine"] }]);
  expect(await readFile(logFile, "utf8")).toContain("is not installed; run: npm run engine");
  expect(await (await fetch(`${worker.url}/metrics`)).text()).toContain("clawfleet_converge_seconds");
  expect((await fetch(`${worker.url}/api/v1/instances`)).status, "and nothing else").toBe(404);
});

test("of a cell whose account it has no tokens of it says so, and is not ready", async () => {
  const settings = cellSettingsSchema.parse({ zone: "claws.example", reach: "private" });
  const secrets = new Uint8Array();
  await insertCell(database.sql, { name: "third", account: "third", settings, secrets });
  const failing = async (...args: string[]): Promise<string[]> => {
    const worker = await startWorker(args);
    const answer = (await (await fetch(`${worker.url}/readyz`)).json()) as { failing: string[] };
    return answer.failing;
  };
  expect(await failing("--cell", "third")).toEqual(["engine", "tokens"]);
  expect(await readFile(logFile, "utf8")).toContain(
    "nothing of the cell third is done by this process: it has no HCLOUD_TOKEN_THIRD, CLOUDFLARE_API_TOKEN_THIRD",
  );
  expect(await failing(), "who may leave it to others").toEqual(["engine"]);
  await database.sql`delete from clawfleet.cells`;
});

test("without an address it listens nowhere", async () => {
  const worker = await startWorker([], { CLAWFLEET_LISTEN: "" });
  expect(worker.url).toBe("");
});

test("an older worker that meets a newer database ends with a message, while it runs and at its start", async () => {
  const worker = await startWorker();
  await database.sql`insert into clawfleet.migrations (id, name, checksum) values (9999, '9999_future.sql', 'x')`;
  expect(await worker.ended).toBe(1);
  const message = "the database is newer than this code: it has migration 9999_future.sql";
  await eventually("it said why", async () => (await readFile(logFile, "utf8")).includes(message));
  await expect(startWorker()).rejects.toThrow(message);
});

test("a database that dies while a connection is being made ready is waited for, not died of", async () => {
  const { hostname, port, pathname, search, username, password } = new URL(database.url);
  const proxy = await startProxy({ host: hostname, port: Number(port) });
  try {
    const through = `postgres://${username}:${password}@127.0.0.1:${proxy.port}${pathname}${search}`;
    const worker = await startWorker([], { DATABASE_URL: through });
    // The client's own first question on each connection; nobody in our code waits for its answer.
    proxy.drop("typarray");
    await eventually("a connection broke at it", () => proxy.dropped() >= 1);
    expect(worker.isAlive()).toBe(true);
    proxy.drop(undefined);
    await eventually("it talks to the database again", async () => {
      const response = await fetch(`${worker.url}/readyz`);
      const { failing } = (await response.json()) as { failing: string[] };
      return !failing.includes("database");
    });
    expect(worker.isAlive()).toBe(true);
  } finally {
    await proxy.close();
  }
});
