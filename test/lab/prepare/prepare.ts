/** Before the lab closes its doors: tools on this host, the base image, everything that machines will install. */
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { withLock } from "../../../infra/engine/lock.ts";
import { runCommand } from "../../../infra/engine/tools.ts";
import type { LabCache, LabVersions } from "./versions.ts";

type Say = (line: string) => void;

/** Debian and Ubuntu packages by a command that each brings. */
const hostTools: Record<string, string> = {
  debootstrap: "debootstrap",
  "systemd-nspawn": "systemd-container",
  nft: "nftables",
  shellcheck: "shellcheck",
  chromium: "chromium",
  ip: "iproute2",
  unshare: "util-linux",
};

const longMs = 30 * 60_000;

/** @throws with what to do when this host cannot be a lab. */
export async function installHostTools(say: Say): Promise<void> {
  const missing: string[] = [];
  for (const [command, pkg] of Object.entries(hostTools)) {
    const { code } = await runCommand("/bin/sh", ["-c", `command -v ${command}`], { timeoutMs: 5000 });
    if (code !== 0) missing.push(pkg);
  }
  if (missing.length === 0) return;
  say(`installing by apt: ${missing.join(", ")}`);
  await run("apt-get", ["-q", "update"]);
  await run("apt-get", ["-q", "-y", "install", "--no-install-recommends", ...missing]);
}

/** Made once and kept outside the checkout; one process at a time. */
export async function fillCache(cache: LabCache, versions: LabVersions, say: Say): Promise<void> {
  await withLock(
    cache.lock,
    { waitMs: longMs, onWait: (pid) => say(`process ${pid} fills the cache`) },
    async () => {
      await makeOnce(cache.baseImage, async (folder) => {
        say(`making the base image ${cache.baseImage} (about 2 minutes)`);
        await runScript("base-image.sh", [folder, versions.suite]);
      });
      await makeOnce(cache.packages, async (folder) => {
        say(`fetching what machines install into ${cache.packages} (about 2 minutes)`);
        const { node, npm, openclaw, packages } = versions;
        await runScript("packages.sh", [cache.baseImage, folder, node, npm, openclaw, ...packages]);
      });
    },
  );
}

/** Half of it is none: made beside and renamed. */
async function makeOnce(folder: string, make: (unfinished: string) => Promise<void>): Promise<void> {
  if (existsSync(folder)) return;
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  await make(unfinished);
  await rename(unfinished, folder);
}

function runScript(name: string, args: readonly string[]): Promise<void> {
  const script = fileURLToPath(new URL(`./${name}`, import.meta.url));
  return run("unshare", ["--mount", "--propagation", "private", "/bin/bash", script, ...args]);
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await runCommand(command, args, { timeoutMs: longMs });
  if (code === 0) return;
  const said = `${stdout}\n${stderr}`.trim().split("\n").slice(-12).join("\n");
  throw new Error(`${command} ${args.slice(0, 6).join(" ")} ended with ${code}:\n${said}`);
}
