/** `make lab`: what needs the network first, then the lab itself in namespaces without a way out. Exit 0: every stage held. */
import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../infra/engine/tools.ts";
import type { LabFolders } from "./folders.ts";
import { fillCache, installHostTools } from "./prepare/prepare.ts";
import { images, labCache, readVersions } from "./prepare/versions.ts";

const print = (line: string) => process.stdout.write(`${line}\n`);
const script = (name: string) => fileURLToPath(new URL(`./${name}`, import.meta.url));
const namespaces = ["--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"];
/** For stopping machines and the database in order; after that everything in the namespaces dies at once. */
const stopGraceMs = 60_000;

async function main(): Promise<number> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    print("the lab boots real machines: it needs Linux and root");
    return 1;
  }
  const versions = readVersions(process.env);
  const cache = labCache(process.env, versions);
  await installHostTools(print);
  await fillCache(cache, versions, print);
  const scratch = await mkdtemp(join(tmpdir(), "clawfleet-lab-"));
  // The embedded PostgreSQL of a run as root belongs to another user.
  await chmod(scratch, 0o755);
  const group = basename(scratch);
  try {
    const { baseImage, packages } = cache;
    return await runInside({ baseImage, image: images[versions.suite], packages, scratch, group });
  } finally {
    const left = await runCommand("unshare", ["--mount", script("leave.sh"), group], { timeoutMs: 30_000 });
    if (left.code !== 0) print(`control groups of the lab are left: ${left.stderr.trim()}`);
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Ctrl-C reaches us alone; the lab learns of it, and of our death, by the end of its standard input. */
function runInside(folders: LabFolders): Promise<number> {
  const command = [
    script("enter.sh"),
    process.execPath,
    "--import",
    "tsx",
    script("run.ts"),
    JSON.stringify(folders),
  ];
  const child = spawn("unshare", [...namespaces, ...command], {
    cwd: script("../.."),
    env: { ...process.env, TMPDIR: folders.scratch },
    stdio: ["pipe", "inherit", "inherit"],
    detached: true,
  });
  const stop = () => {
    child.stdin.end();
    setTimeout(() => child.kill("SIGKILL"), stopGraceMs).unref();
  };
  child.stdin.on("error", () => undefined);
  process.on("SIGINT", stop).on("SIGTERM", stop);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

process.exitCode = await main();
