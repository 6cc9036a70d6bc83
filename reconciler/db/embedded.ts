/** A PostgreSQL server of our own on 127.0.0.1, for machines without one: demo, tests, first steps. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import postgres from "postgres";
import { ClawfleetError } from "../errors.ts";
import { findFreePort } from "./free-port.ts";
import { canWrite, findOwner, provideBinaries, type Binaries, type Owner } from "./embedded-binaries.ts";

const run = promisify(execFile);
const keeper = fileURLToPath(new URL("./keep-postgres.sh", import.meta.url));

export type RunningDatabase = {
  /** `postgres://` with user and password, database `clawfleet`. */
  url: string;
  /** Resolves when the server is gone, after 15 s at the latest. May be called twice. */
  stop(): Promise<void>;
};

export type EmbeddedOptions = {
  /** Cluster and password are kept here between runs. Absent: a scratch directory, no fsync, removed at the end. */
  dataDir?: string | undefined;
  /** Default 300: every stack operation of Pulumi opens a pool of its own. */
  maxConnections?: number;
  /** Default: a free one. A server that comes back where its clients look for it needs the same. */
  port?: number;
};

/** Not `clawfleet`: a schema of the same name would come before `public` in the search path. */
const user = "fleet";
const startDeadlineMs = 60_000;
const stopDeadlineMs = 15_000;
/** The free port that we found may be taken before the server has it. */
const portAttempts = 5;

/**
 * Starts a server that lives no longer than this process, however that ends.
 * @throws ClawfleetError config_invalid when the machine or the directory does not allow it.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<RunningDatabase> {
  const owner = await findOwner();
  const scratch = await mkdtemp(join(tmpdir(), "clawfleet-postgres-"));
  try {
    if (owner) await chown(scratch, owner.uid, owner.gid);
    const binaries = await provideBinaries(owner, scratch);
    const home = options.dataDir === undefined ? scratch : await prepareDataDir(options.dataDir, owner);
    const password = await readPassword(home);
    const cluster = join(home, "cluster");
    if (!(await exists(cluster))) await initialize({ binaries, cluster, home, owner, password });
    return await startServer({ binaries, cluster, owner, password, scratch, options });
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}

async function prepareDataDir(dataDir: string, owner: Owner): Promise<string> {
  const home = join(resolve(dataDir), "postgres");
  // Only the last folder is closed: the server's user has to get through those above it.
  await mkdir(resolve(dataDir), { recursive: true });
  await mkdir(home, { recursive: true, mode: 0o700 });
  if (owner) await chown(home, owner.uid, owner.gid);
  if (await canWrite(owner, home)) return home;
  throw new ClawfleetError({
    code: "config_invalid",
    message: `PostgreSQL cannot run as root, and the user that it would run as (uid ${owner?.uid ?? "ours"}) cannot reach ${home}`,
    remedy:
      "start Clawfleet as another user, set CLAWFLEET_DATA_DIR to a folder that others may enter, such as /var/lib/clawfleet, or set DATABASE_URL",
    retry: { kind: "permanent" },
  });
}

async function readPassword(home: string): Promise<string> {
  const file = join(home, "password");
  if (!(await exists(file))) {
    await writeFile(file, randomBytes(24).toString("hex"), { mode: 0o600, flag: "wx" });
  }
  return (await readFile(file, "utf8")).trim();
}

type Initialization = { binaries: Binaries; cluster: string; home: string; owner: Owner; password: string };

/** Made beside and renamed, so that an interrupted first start leaves no half cluster under the real name. */
async function initialize({ binaries, cluster, home, owner, password }: Initialization): Promise<void> {
  const fresh = await mkdtemp(join(home, "new-"));
  const passwordFile = join(fresh, "password");
  const target = join(fresh, "cluster");
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (owner) for (const path of [fresh, passwordFile]) await chown(path, owner.uid, owner.gid);
  const locale = ["--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const access = [`--username=${user}`, "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
  try {
    await run(binaries.initdb, ["-D", target, "--no-sync", "--no-instructions", ...locale, ...access], {
      ...owner,
      cwd: fresh,
      timeout: startDeadlineMs,
    });
    await rename(target, cluster);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

type Start = {
  binaries: Binaries;
  cluster: string;
  owner: Owner;
  password: string;
  scratch: string;
  options: EmbeddedOptions;
};

async function startServer(start: Start): Promise<RunningDatabase> {
  let lastLines = "";
  for (let attempt = 0; attempt < portAttempts; attempt += 1) {
    const port = start.options.port ?? (await findFreePort());
    const server = await spawnServer(start, port);
    const url = `postgres://${user}:${start.password}@127.0.0.1:${port}/clawfleet`;
    if (await becomesReady(server, url)) return { url, stop: () => endForGood(server, start.scratch) };
    lastLines = server.lastLines();
    await stopServer(server);
    if (!lastLines.includes("could not bind")) break;
  }
  throw new ClawfleetError({
    code: "config_invalid",
    message: `the embedded PostgreSQL did not start in ${start.cluster}: ${lastLines.trim() || "no answer in time"}`,
    remedy: "is another Clawfleet using this data directory? Otherwise see the lines above",
    retry: { kind: "permanent" },
  });
}

type Server = { child: ChildProcess; ended: Promise<unknown>; hasEnded(): boolean; lastLines(): string };

async function spawnServer(
  { binaries, cluster, owner, scratch, options }: Start,
  port: number,
): Promise<Server> {
  const ephemeral = options.dataDir === undefined;
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    max_connections: String(options.maxConnections ?? 300),
    timezone: "UTC",
    log_min_messages: "fatal",
    ...(ephemeral ? { fsync: "off", synchronous_commit: "off", full_page_writes: "off" } : {}),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  // The text and not the file: a checkout may be closed to the user that the server runs as.
  const script = await readFile(keeper, "utf8");
  // A group of its own, so that Ctrl-C in a terminal reaches us first and we stop the server when we are done.
  const child = spawn(
    "/bin/sh",
    [
      "-c",
      script,
      "keep-postgres",
      ephemeral ? "QUIT" : "INT",
      scratch,
      binaries.postgres,
      "-D",
      cluster,
      ...flags,
    ],
    { ...owner, cwd: "/", detached: true, stdio: ["pipe", "ignore", "pipe"] },
  );
  let lines = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    lines = (lines + text).slice(-2000);
  });
  let over = false;
  const ended = new Promise<void>((done) => {
    const finish = (): void => {
      over = true;
      done();
    };
    child.once("exit", finish).once("error", finish);
  });
  return { child, ended, hasEnded: () => over, lastLines: () => lines };
}

async function becomesReady(server: Server, url: string): Promise<boolean> {
  const deadline = Date.now() + startDeadlineMs;
  while (!server.hasEnded() && Date.now() < deadline) {
    if (await ensureDatabase(url)) return true;
    await sleep(25);
  }
  return false;
}

/** False while the server does not answer yet. */
async function ensureDatabase(url: string): Promise<boolean> {
  const admin = new URL(url);
  admin.pathname = "/postgres";
  const sql = postgres(admin.href, { max: 1, connect_timeout: 5, onnotice: () => undefined });
  try {
    const [found] = await sql`select 1 from pg_database where datname = 'clawfleet'`;
    if (!found) await sql`create database clawfleet`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 1 }).catch(() => undefined);
  }
}

async function stopServer(server: Server): Promise<void> {
  server.child.stdin?.destroy();
  const forced = new AbortController();
  await Promise.race([
    server.ended,
    sleep(stopDeadlineMs, undefined, { signal: forced.signal }).catch(() => undefined),
  ]);
  forced.abort();
  if (!server.hasEnded() && server.child.pid !== undefined) process.kill(-server.child.pid, "SIGKILL");
}

async function endForGood(server: Server, scratch: string): Promise<void> {
  await stopServer(server);
  await rm(scratch, { recursive: true, force: true });
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
