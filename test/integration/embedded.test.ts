/** Proves the embedded server by starting it: data kept, data removed, death of the parent. Cannot prove other platforms. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { openDatabase, startDatabase } from "../../reconciler/db/database.ts";
import { eventually } from "../support/poll.ts";

const dirs: string[] = [];
afterEach(async () => {
  await Promise.all(dirs.splice(0).map((dir) => rm(dir, { recursive: true, force: true })));
});

/** Others may enter it, as they may enter /var/lib/clawfleet. */
async function makeDataDir(mode = 0o755): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "clawfleet-data-"));
  dirs.push(dir);
  await chmod(dir, mode);
  return dir;
}

async function query(url: string, text: string): Promise<unknown[]> {
  const sql = openDatabase(url, { max: 1 });
  try {
    return await sql.unsafe(text);
  } finally {
    await sql.end();
  }
}

/** Somebody listens. No query: the client's own first one is lost without a word when the server dies in it. */
async function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

test("with a data directory everything is there again after a restart", async () => {
  const dataDir = await makeDataDir();
  const first = await startDatabase({ dataDir });
  await query(first.url, "create table kept as select 7 as n");
  await first.stop();
  expect(await answers(first.url)).toBe(false);
  const second = await startDatabase({ dataDir });
  expect(await query(second.url, "select n from public.kept")).toEqual([{ n: 7 }]);
  await second.stop();
});

test("a data directory that another server uses is refused, and that server lives on", async () => {
  const dataDir = await makeDataDir();
  const first = await startDatabase({ dataDir });
  await expect(startDatabase({ dataDir })).rejects.toMatchObject({
    code: "config_invalid",
    message: expect.stringContaining("postmaster.pid"),
  });
  expect(await answers(first.url)).toBe(true);
  await first.stop();
});

test.skipIf(process.getuid?.() !== 0)(
  "root is told when the data directory is closed to others",
  async () => {
    const dataDir = await makeDataDir(0o700);
    await expect(startDatabase({ dataDir })).rejects.toMatchObject({
      code: "config_invalid",
      remedy: expect.stringContaining("/var/lib/clawfleet"),
    });
  },
);

test("two servers without a data directory run beside each other and know nothing of each other", async () => {
  const [one, two] = await Promise.all([startDatabase({}), startDatabase({})]);
  await query(one.url, "create table mine (x int)");
  expect(await query(two.url, "select to_regclass('public.mine') as found")).toEqual([{ found: null }]);
  await Promise.all([one.stop(), two.stop()]);
});

test("a killed parent takes its server and its scratch directory along", async () => {
  const module = fileURLToPath(new URL("../../reconciler/db/database.ts", import.meta.url));
  const scratchParent = await mkdtemp(join(tmpdir(), "clawfleet-killed-"));
  dirs.push(scratchParent);
  const program = `import { startDatabase } from ${JSON.stringify(module)};
    import { chmod } from "node:fs/promises";
    await chmod(process.env.TMPDIR, 0o777);
    console.log((await startDatabase({})).url); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env: { ...process.env, TMPDIR: scratchParent },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  const url = chunk.toString().trim();
  expect(await answers(url)).toBe(true);
  child.kill("SIGKILL");
  await eventually("nobody listens", async () => !(await answers(url)));
  await eventually("nothing is left", async () => (await readdir(scratchParent)).length === 0);
});
