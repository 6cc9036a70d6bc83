/** Linux namespaces of one machine: a holder process whose death is the power cut. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../../infra/engine/tools.ts";
import { createMachineFolders, machineFolders, type MachineFolders } from "./disk.ts";

const bootScript = fileURLToPath(new URL("./boot.sh", import.meta.url));
const codeFolder = fileURLToPath(new URL("./inside", import.meta.url));
const unshareFlags = ["--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child"];
const startTimeoutMs = 20_000;

/** What a machine tells its host, one JSON object a line. */
export type MachineEvent =
  | { event: "ssh"; port: number }
  | { event: "booted"; failed: string[] }
  | { event: "off" };

export type Namespace = {
  /** Process 1 of the machine, as this host numbers it. */
  pid: number;
  /** The machine as a command prefix: what follows runs inside as root. */
  enter: readonly string[];
  /** Resolves when every process of the machine is dead. */
  ended: Promise<void>;
  isAlive(): boolean;
  /** SIGKILL for process 1; the kernel takes the rest along. */
  kill(): Promise<void>;
  /** Asks process 1 to stop its units; kills after `graceMs`. */
  stop(graceMs: number): Promise<void>;
};

/** Boots the disk in `folders`. @throws when the namespaces or mounts cannot be had. */
export async function startNamespace(
  folders: MachineFolders,
  hostname: string,
  onEvent: (event: MachineEvent) => void,
): Promise<Namespace> {
  const console = await open(folders.console, "a");
  const args = [
    ...unshareFlags,
    "/bin/bash",
    bootScript,
    folders.folder,
    codeFolder,
    process.execPath,
    hostname,
  ];
  // Process 1 ends when its standard input does: a host that dies leaves no machine behind.
  const child = spawn("unshare", args, { stdio: ["pipe", "pipe", console.fd], detached: true });
  await console.close();
  let dead = false;
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  }).then(() => void (dead = true));
  let hasStarted = false;
  const started = new Promise<void>((resolve) => {
    readEvents(child, (event) => {
      hasStarted = true;
      resolve();
      onEvent(event);
    });
  });
  await firstOf([started, ended], startTimeoutMs);
  if (!hasStarted) {
    child.kill("SIGKILL");
    const said = await readFile(folders.console, "utf8").catch(() => "");
    const lines = said.trim().split("\n");
    const telling = lines.find((line) => /error/i.test(line)) ?? lines.at(-1);
    throw new Error(`the machine did not boot: ${telling || "no output"}`);
  }
  const pid = await findFirstProcess(child.pid ?? 0);
  const kill = async () => {
    process.kill(pid, "SIGKILL");
    await ended;
  };
  return {
    pid,
    enter: [
      "nsenter",
      "--target",
      String(pid),
      "--mount",
      "--net",
      "--pid",
      "--uts",
      "--ipc",
      "--root",
      "--wd",
    ],
    ended,
    isAlive: () => !dead,
    kill: async () => {
      if (!dead) await kill().catch(() => ended);
    },
    async stop(graceMs) {
      if (dead) return;
      process.kill(pid, "SIGTERM");
      await firstOf([ended], graceMs);
      if (!dead) await kill().catch(() => ended);
    },
  };
}

/** Until one of them, or the time, is over. */
async function firstOf(events: Promise<void>[], timeoutMs: number): Promise<void> {
  const patience = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: patience.signal }).catch(() => undefined);
  await Promise.race([...events, late]);
  patience.abort();
}

function readEvents(child: ChildProcess, onEvent: (event: MachineEvent) => void): void {
  let rest = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("{")) onEvent(JSON.parse(line) as MachineEvent);
  });
}

/** `unshare --fork` stays outside; its only child is the machine's process 1. */
async function findFirstProcess(holder: number): Promise<number> {
  const children = await readFile(`/proc/${holder}/task/${holder}/children`, "utf8");
  const pid = Number(children.trim().split(" ")[0]);
  if (!pid) throw new Error("the machine ended while it booted");
  return pid;
}

export type NamespaceCheck = { usable: true } | { usable: false; reason: string; remedy: string };

let checked: Promise<NamespaceCheck> | undefined;

/** Boots an empty machine once per process, since only trying tells. */
export function checkNamespaces(): Promise<NamespaceCheck> {
  checked ??= tryNamespaces();
  return checked;
}

async function tryNamespaces(): Promise<NamespaceCheck> {
  if (process.platform !== "linux") {
    return {
      usable: false,
      reason: "this is not Linux",
      remedy: "run it on Linux, e.g. in a virtual machine",
    };
  }
  const missing: string[] = [];
  for (const tool of ["unshare", "nsenter", "ip", "mount", "openssl", "useradd"]) {
    const found = await runCommand("/bin/sh", ["-c", `command -v ${tool}`], { timeoutMs: 5000 });
    if (found.code !== 0) missing.push(tool);
  }
  if (missing.length > 0) {
    const remedy = "install util-linux, iproute2, openssl and passwd";
    return { usable: false, reason: `not installed: ${missing.join(", ")}`, remedy };
  }
  const scratch = await mkdtemp(join(tmpdir(), "clawfleet-check-"));
  try {
    const folders = machineFolders(scratch, 0);
    await createMachineFolders(folders);
    const namespace = await startNamespace(folders, "check", () => undefined);
    await namespace.kill();
    return { usable: true };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const remedy =
      "run as root with CAP_SYS_ADMIN, on a TMPDIR whose file system takes overlays (in Docker: --privileged)";
    return { usable: false, reason, remedy };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
