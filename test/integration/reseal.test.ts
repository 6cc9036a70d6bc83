/** Proves that a new master key opens every secret that the old one sealed, or that nothing is changed. States are no matter of it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { open, sealContext } from "../../infra/seal.ts";
import { openDatabase } from "../../reconciler/db/database.ts";
import { reseal } from "../../reconciler/reseal.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";

const [first, second, third] = ["0".repeat(64), "a".repeat(64), "b".repeat(64)];
let api: AdminApp;
beforeAll(async () => {
  api = await startAdminApp();
  for (const slug of ["ada", "bob"])
    await api.request("POST", "/api/v1/instances", { body: { slug, plan: "starter" } });
  await api.database.sql`update clawfleet.instances set secrets = '', status = 'gone' where slug = 'bob'`;
});
afterAll(() => api?.close());

async function readSecrets(key: string): Promise<unknown[]> {
  const { sql } = api.database;
  const instances = await sql<{ id: string; secrets: Uint8Array }[]>`
    select id, secrets from clawfleet.instances where status <> 'gone'`;
  const cells = await sql<{ name: string; secrets: Uint8Array }[]>`select name, secrets from clawfleet.cells`;
  return [
    ...instances.map(({ id, secrets }) => open(key, secrets, sealContext.instance(id))),
    ...cells.map(({ name, secrets }) => open(key, secrets, sealContext.cell(name))),
  ];
}

const withConnection = async <T>(name: string, use: (sql: ReturnType<typeof openDatabase>) => Promise<T>) => {
  const sql = openDatabase(api.database.url, { max: 1, name });
  try {
    return await use(sql);
  } finally {
    await sql.end();
  }
};

test("is refused while a process of the service is connected, and changes nothing then", async () => {
  const before = await readSecrets(first);
  await withConnection("clawfleet-work", async (worker) => {
    await worker`select 1`;
    await expect(
      withConnection("clawfleet-reseal", (sql) => reseal(sql, { from: first, to: second })),
    ).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("clawfleet-work") });
  });
  expect(await readSecrets(first)).toEqual(before);
});

test("leaves every secret as it was, for the new key alone", async () => {
  await api.stopQueue();
  const before = await readSecrets(first);
  expect(await withConnection("clawfleet-reseal", (sql) => reseal(sql, { from: first, to: second }))).toEqual(
    {
      instances: 1,
      cells: before.length - 1,
    },
  );
  expect(await readSecrets(second)).toEqual(before);
  await expect(readSecrets(first)).rejects.toThrow("do not open");
});

test("with a key that sealed nothing changes nothing", async () => {
  const before = await readSecrets(second);
  await expect(
    withConnection("clawfleet-reseal", (sql) => reseal(sql, { from: first, to: third })),
  ).rejects.toThrow("do not open");
  expect(await readSecrets(second)).toEqual(before);
});
