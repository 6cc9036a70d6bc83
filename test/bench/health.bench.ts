/** How many machines one worker can read in a minute: real rows, real SSH with pinned host keys, machines that only answer. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Sql } from "postgres";
import { cellSecretsSchema, instanceSecretsSchema } from "../../infra/config.ts";
import { runCommand } from "../../infra/engine/tools.ts";
import { open, seal, sealContext } from "../../infra/seal.ts";
import { adoptInstances, takeDue } from "../../reconciler/db/health.ts";
import { runOnMachine } from "../../reconciler/health/machine-ssh.ts";
import { readLot, type RoundDeps } from "../../reconciler/health/round.ts";
import type { Binding } from "../../reconciler/queue/binding.ts";
import { startConvergeRig, type ConvergeRig } from "../support/converge-rig.ts";
import type { Bench, Reporter } from "./figures.ts";
import { sampleSlug, seedRows } from "./fleet-seed.ts";
import { withServer } from "./server.ts";

const sizes = [500, 2000] as const;
/** As in production (CLAWFLEET_PROBE_CONCURRENCY). */
const concurrency = 200;
const intervalMs = 60_000;
const sshSamples = 40;
const everybody: Binding = { kind: "all" };

export const bench: Bench = {
  summary: "readings of 500 and 2,000 machines by one worker, beside an ssh process a reading",
  run: (reporter) =>
    withServer(async (createDatabase) => {
      for (const size of sizes) {
        const rig = await startConvergeRig(await createDatabase(`health${size}`));
        try {
          await measure(reporter, rig, size);
        } finally {
          await rig.close();
        }
      }
    }),
};

async function measure({ say, report }: Reporter, rig: ConvergeRig, size: number): Promise<void> {
  const { sql, masterKey } = rig.apply;
  const deps = rig.createWorkerDeps();
  await rig.converge(deps, await rig.addInstance(sampleSlug), "paid");
  await deps.pool.stop();
  await seedRows(sql, size - 1);
  const keys = await readKeys(sql, masterKey);
  const machines = await startMachines(keys.hostKeyPrivate);
  try {
    await giveAddresses(sql, masterKey, machines.port);
    await adoptInstances(sql, everybody, intervalMs);
    await sql`update clawfleet.health set probe_at = now() - interval '1 s'`;
    say(`${size} machines at port ${machines.port}`);
    const read = await readEverybody(rig, size);
    say(`${size} read in ${read.seconds.toFixed(1)} s`);
    const ssh = await measureSsh(machines.port, keys.sshPrivateKey);
    report({ case: `round ${size}`, value: read.seconds, unit: "s", baseline: intervalMs / 1000, goal: 1 });
    report({ case: `processor of a reading, ${size}`, value: read.cpuMs, unit: "ms", ...ssh });
    report({ case: `memory ${size}`, value: read.memoryMb, unit: "MB" });
  } finally {
    machines.process.kill();
  }
}

/** @throws Error unless each was read exactly once and found well. */
async function readEverybody(rig: ConvergeRig, size: number) {
  const { sql, queue, clock, log, masterKey } = rig.apply;
  let well = 0;
  const deps: RoundDeps = {
    sql,
    queue,
    clock,
    log,
    masterKey,
    intervalMs,
    run: runOnMachine,
    onAlert: () => undefined,
    onReading: (kind) => void (well += kind === "well" ? 1 : 0),
  };
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  for (;;) {
    const lot = await takeDue(sql, { binding: everybody, limit: concurrency });
    if (lot.length === 0) break;
    await readLot(deps, lot, new AbortController().signal);
  }
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  if (well !== size) throw new Error(`${well} of ${size} machines were read and well`);
  return { seconds, cpuMs: (user + system) / 1000 / size, memoryMb: process.memoryUsage().rss / 2 ** 20 };
}

type Keys = { hostKeyPrivate: string; sshPrivateKey: string };

async function readKeys(sql: Sql, masterKey: string): Promise<Keys> {
  const [row] = await sql<{ id: string; cell: string; secrets: Uint8Array; cellSecrets: Uint8Array }[]>`
    select i.id, i.cell, i.secrets, c.secrets as "cellSecrets"
    from clawfleet.instances i join clawfleet.cells c on c.name = i.cell where i.slug = ${sampleSlug}`;
  if (!row) throw new Error("the sample was not built");
  const own = instanceSecretsSchema.parse(open(masterKey, row.secrets, sealContext.instance(row.id)));
  const cell = cellSecretsSchema.parse(open(masterKey, row.cellSecrets, sealContext.cell(row.cell)));
  return { hostKeyPrivate: own.hostKeyPrivate, sshPrivateKey: cell.sshPrivateKey };
}

/** Each its own address on loopback; secrets are sealed for their row, so that copies have to be sealed again. */
async function giveAddresses(sql: Sql, masterKey: string, port: number): Promise<void> {
  const cells = await sql<{ name: string; secrets: Uint8Array }[]>`select name, secrets from clawfleet.cells`;
  const [first] = await sql<{ id: string; secrets: Uint8Array; cell: string }[]>`
    select id, secrets, cell from clawfleet.instances where slug = ${sampleSlug}`;
  const [sample] = cells.filter(({ name }) => name === first?.cell);
  if (!first || !sample) throw new Error("the sample was not built");
  const cellSecrets = open(masterKey, sample.secrets, sealContext.cell(sample.name));
  for (const { name } of cells) {
    await sql`
      update clawfleet.cells set secrets = ${seal(masterKey, cellSecrets, sealContext.cell(name))},
        settings = settings || ${sql.json({ reach: "private", sshPort: port })} where name = ${name}`;
  }
  const secrets = open(masterKey, first.secrets, sealContext.instance(first.id));
  const ids = await sql<{ id: string }[]>`select id from clawfleet.instances`;
  for (const [at, { id }] of ids.entries()) {
    await sql`
      update clawfleet.instances set secrets = ${seal(masterKey, secrets, sealContext.instance(id))},
        private_ip = ${`127.20.${Math.floor(at / 250)}.${1 + (at % 250)}`} where id = ${id}`;
  }
}

async function startMachines(hostKey: string): Promise<{ port: number; process: ChildProcess }> {
  const child = fork(fileURLToPath(new URL("./ssh-machines.ts", import.meta.url)), [hostKey], {
    execArgv: ["--import", "tsx"],
  });
  const [port] = (await once(child, "message")) as [number];
  return { port, process: child };
}

/** What the usual way takes: a process of OpenSSH a reading. Nothing when there is none on this machine. */
async function measureSsh(port: number, privateKey: string): Promise<{ baseline?: number }> {
  const folder = await mkdtemp(join(tmpdir(), "clawfleet-bench-"));
  try {
    const key = join(folder, "key");
    await writeFile(key, privateKey, { mode: 0o600 });
    const options =
      "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes";
    const one = `ssh -i ${key} -p ${port} ${options} root@127.20.0.1 true </dev/null >/dev/null || exit 9`;
    const script = `for ((i = 0; i < ${sshSamples}; i++)); do ${one}; done; times`;
    const { code, stdout } = await runCommand("bash", ["-c", script], { timeoutMs: 120_000 });
    if (code !== 0) return {};
    // The second line is that of the children: 0m0.512s 0m0.130s.
    const spent = [...(stdout.trim().split("\n").at(-1) ?? "").matchAll(/(\d+)m([\d.]+)s/g)];
    const seconds = spent.reduce((sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest), 0);
    return { baseline: (seconds * 1000) / sshSamples };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
