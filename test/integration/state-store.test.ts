/**
 * Proves how rows of Pulumi's PostgreSQL backend are read and removed, on a real PostgreSQL with rows of the shape that engine
 * 3.259.0 writes. It cannot prove that a next engine writes the same, or goes on with a trimmed history; e2e and storms do.
 */
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openStateStore, type StateStore } from "../../reconciler/recovery/state-store.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { stateRoot } from "../support/state-rows.ts";

let database: TestDatabase;
let store: StateStore;
let root: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const { sql, url } = database;
  const opened = openStateStore(sql, { backend: url, database: url });
  if (!opened) throw new Error("this backend is PostgreSQL");
  store = opened;
  root = stateRoot(url);
});
afterAll(async () => {
  await store.close();
  await database.close();
});

test("before the engine's first run there is no table: nothing is locked, no state, nothing to trim", async () => {
  expect(await store.readLocks("bob")).toEqual([]);
  expect(await store.readState("bob")).toMatchObject({ resources: [] });
  await store.trimHistory("bob");
  await store.prepare();
  await database.sql`
    create table public.pulumi_state (key text primary key, data jsonb not null, updated_at timestamptz default now())`;
  await store.prepare();
  await store.prepare();
});

async function put(key: string, content: Uint8Array | string): Promise<void> {
  const data = JSON.stringify({ data: Buffer.from(content).toString("base64") });
  await database.sql`
    insert into public.pulumi_state (key, data) values (${`${root}/${key}`}, ${data}::text::jsonb)`;
}

describe("a state", () => {
  beforeEach(() => database.sql`delete from public.pulumi_state`);

  const urn = "urn:pulumi:bob::clawfleet::pulumi:pulumi:Stack::clawfleet-bob";
  const full = JSON.stringify({
    version: 3,
    checkpoint: {
      stack: "organization/clawfleet/bob",
      latest: { resources: [{ urn, custom: false, type: "pulumi:pulumi:Stack" }] },
    },
  });

  test.each([
    ["json", Buffer.from(full)],
    ["json.gz", gzipSync(full)],
    ["json.zst", zstdCompressSync(full)],
  ])("as .%s is read", async (ending, content) => {
    await put(`stacks/clawfleet/bob.${ending}`, content);
    const { resources } = await store.readState("bob");
    expect(resources.map((resource) => resource.urn)).toEqual([urn]);
    expect((await store.readState("bo")).resources).toEqual([]);
  });

  test("of a stack that was made and never run is empty: the run died between the two", async () => {
    await put(
      "stacks/clawfleet/bob.json",
      '{"version":3,"checkpoint":{"stack":"organization/clawfleet/bob/clawfleet-bob"}}',
    );
    expect(await store.readState("bob")).toMatchObject({ resources: [] });
  });

  test("that is there twice, or is none, is not taken for an empty one", async () => {
    await put("stacks/clawfleet/bob.json", full);
    await put("stacks/clawfleet/bob.json.gz", gzipSync(full));
    await expect(store.readState("bob")).rejects.toMatchObject({
      code: "recovery_failed",
      retry: { kind: "permanent" },
      message: expect.stringContaining("the state of bob cannot be read: the state is there twice"),
      remedy: expect.stringContaining(
        `delete from pulumi_state where key = '${root}/stacks/clawfleet/bob.json.gz'`,
      ),
    });
    await put("stacks/clawfleet/eve.json", '{"version":3}');
    await expect(store.readState("eve")).rejects.toThrow("the state of eve cannot be read");
    await put("stacks/clawfleet/ida.json", "half a fi");
    await expect(store.readState("ida")).rejects.toThrow("the state of ida cannot be read");
  });
});

test("a lock is removed as it was read, and not one that was taken meanwhile", async () => {
  const content = (pid: number) =>
    JSON.stringify({ pid, username: "root", hostname: "vm", timestamp: "2026-11-21T12:00:00Z" });
  await put("locks/organization/clawfleet/bob/one.json", content(7));
  await put("locks/organization/clawfleet/bob-2/two.json", content(8));
  const [lock, second] = await store.readLocks("bob");
  expect([lock?.pid, second]).toEqual([7, undefined]);
  if (!lock) throw new Error("there is a lock");
  await database.sql`delete from public.pulumi_state where key = ${lock.key}`;
  await put("locks/organization/clawfleet/bob/one.json", content(9));
  await store.removeLock(lock);
  expect((await store.readLocks("bob")).map(({ pid }) => pid)).toEqual([9]);
  for (const again of await store.readLocks("bob")) await store.removeLock(again);
  expect(await store.readLocks("bob")).toEqual([]);
  expect(await store.readLocks("bob-2")).toHaveLength(1);
});

test("of a stack's history the ten newest updates stay, and nothing of another stack is touched", async () => {
  const { sql } = database;
  await sql`delete from public.pulumi_state`;
  const key = (stack: string, update: number, kind: string) =>
    `${root}/history/clawfleet/${stack}/${stack}-${1_795_265_199_000_000_000n + BigInt(update)}.${kind}.json`;
  for (const stack of ["bob", "bob-2", "bo"]) {
    for (let update = 1; update <= 14; update += 1) {
      for (const kind of ["history", "checkpoint"])
        await sql`insert into public.pulumi_state (key, data) values (${key(stack, update, kind)}, '{}')`;
    }
  }
  const state = `${root}/stacks/clawfleet/bob.json`;
  await sql`insert into public.pulumi_state (key, data) values (${state}, '{}')`;
  await store.trimHistory("bob");
  const left = await sql<{ key: string }[]>`select key from public.pulumi_state order by key`;
  const keys = left.map((row) => row.key);
  expect(keys).toHaveLength(20 + 28 + 28 + 1);
  expect(keys).toContain(state);
  for (const kind of ["history", "checkpoint"]) {
    expect(keys).not.toContain(key("bob", 4, kind));
    expect(keys).toContain(key("bob", 5, kind));
    expect(keys).toContain(key("bob", 14, kind));
  }
});
