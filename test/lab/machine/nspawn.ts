/** One boot of one machine: systemd as process 1 in a container with a control group and a network of its own. */
import { spawn } from "node:child_process";
import { mkdir, open, readFile, rmdir, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { runCommand } from "../../../infra/engine/tools.ts";
import { eventually } from "../../support/poll.ts";
import { namespacePath } from "../network/network.ts";

export type Boot = {
  /** Process 1 of the machine, as the lab numbers it. */
  pid: number;
  /** Resolves when every process of the machine is dead: to what it wanted then. */
  ended: Promise<"off" | "reboot">;
  isAlive(): boolean;
  /** Power cut. */
  kill(): Promise<void>;
  /** ACPI: systemd stops its units and goes; kills after `graceMs`. */
  shutDown(graceMs: number): Promise<void>;
};

export type BootOptions = {
  id: number;
  name: string;
  root: string;
  /** Control group of this lab, made on demand. */
  group: string;
  console: string;
};

const startTimeoutMs = 30_000;
/** nspawn's word, with --keep-unit, for a machine that asks for a new boot. */
const rebootExitCode = 133;
/** systemd's own signal for poweroff.target (SIGRTMIN+4). */
const powerOffSignal = 38;

/** @throws when the container does not come up, with what it said. */
export async function boot(options: BootOptions): Promise<Boot> {
  const group = `/sys/fs/cgroup/${options.group}/m${options.id}`;
  await mkdir(group, { recursive: true });
  const console = await open(options.console, "a");
  // Moves itself into the group and becomes nspawn, which makes its own groups below.
  const enter = ["-c", 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"', "sh", group];
  const child = spawn("/bin/sh", [...enter, "systemd-nspawn", ...nspawnArguments(options)], {
    stdio: ["ignore", console.fd, console.fd],
    env: { PATH: process.env["PATH"], SYSTEMD_NSPAWN_LOCK: "0", SYSTEMD_LOG_LEVEL: "notice" },
    detached: true,
  });
  await console.close();
  let dead = false;
  const ended = new Promise<number>((resolve) => {
    child.once("error", () => resolve(1));
    child.once("close", (code) => resolve(code ?? 1));
  }).then(async (code) => {
    await removeGroup(group);
    dead = true;
    return code === rebootExitCode ? ("reboot" as const) : ("off" as const);
  });
  const pid = await eventually(
    `${options.name} has a process 1`,
    async () => (dead ? -1 : await readFirstProcess(group)),
    startTimeoutMs,
  );
  if (pid < 0) throw new Error(`the machine did not boot: ${await tail(options.console)}`);
  const kill = async () => {
    if (!dead) await writeFile(`${group}/cgroup.kill`, "1").catch(() => undefined);
    await ended;
  };
  return {
    pid,
    ended,
    isAlive: () => !dead,
    kill,
    async shutDown(graceMs) {
      if (!dead) process.kill(pid, powerOffSignal);
      await Promise.race([ended, sleep(graceMs, undefined, { ref: false })]);
      await kill();
    },
  };
}

function nspawnArguments({ id, name, root }: BootOptions): string[] {
  return [
    "--quiet",
    `--directory=${root}`,
    `--machine=${name}`,
    "--capability=CAP_NET_ADMIN",
    "--register=no",
    "--keep-unit",
    `--network-namespace-path=${namespacePath(id)}`,
    "--resolv-conf=off",
    "--timezone=off",
    "--link-journal=no",
    // What would reach through to this host.
    "--system-call-filter=~@swap",
    "--console=pipe",
    "--boot",
  ];
}

/** The one process of the machine's init scope. */
async function readFirstProcess(group: string): Promise<number | undefined> {
  const text = await readFile(`${group}/payload/init.scope/cgroup.procs`, "utf8").catch(() => "");
  return Number(text.trim().split("\n")[0]) || undefined;
}

async function removeGroup(group: string): Promise<void> {
  await writeFile(`${group}/cgroup.kill`, "1").catch(() => undefined);
  const { stdout } = await runCommand("find", [group, "-depth", "-type", "d"], { timeoutMs: 10_000 });
  for (const folder of stdout.trim().split("\n")) await rmdir(folder).catch(() => undefined);
}

async function tail(file: string): Promise<string> {
  return (await readFile(file, "utf8").catch(() => "")).trim().split("\n").slice(-5).join("; ");
}
