/** cloud-init's part: keys, files and commands of the user data, once per instance. */
import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

export type Seed = {
  instanceId: string;
  authorizedKeys: string[];
  firstBoot: {
    sshKeys: Record<string, string>;
    files: { path: string; content: string; mode: string; owner: string; append: boolean }[];
    bootCommands: string[];
    commands: string[];
    problem?: string;
  };
};

export const emptySeed: Seed = {
  instanceId: "none",
  authorizedKeys: [],
  firstBoot: { sshKeys: {}, files: [], bootCommands: [], commands: [] },
};

export const statusFile = "/run/cloud-init/status";
const instanceFile = "/var/lib/cloud/data/instance-id";
const logFile = "/var/log/cloud-init-output.log";
const resultFile = "/var/lib/cloud/data/result";

/** Everything before sshd and the units. Returns whether this is the instance's first boot. */
export function takeSeed(seed: Seed): boolean {
  mkdirSync(dirname(statusFile), { recursive: true });
  mkdirSync(dirname(instanceFile), { recursive: true });
  if (existsSync(instanceFile) && readFileSync(instanceFile, "utf8") === seed.instanceId) {
    // Cut off in the middle, a first boot is not finished by the next.
    writeFileSync(statusFile, existsSync(resultFile) ? readFileSync(resultFile, "utf8") : "error");
    return false;
  }
  rmSync(resultFile, { force: true });
  writeFileSync(statusFile, "running");
  writeFileSync(instanceFile, seed.instanceId);
  appendFileSync(logFile, `Cloud-init running 'modules:config' for instance ${seed.instanceId}\n`);
  mkdirSync("/root/.ssh", { recursive: true, mode: 0o700 });
  writeFileSync("/root/.ssh/authorized_keys", seed.authorizedKeys.map((key) => `${key.trim()}\n`).join(""), {
    mode: 0o600,
  });
  const { sshKeys, files } = seed.firstBoot;
  mkdirSync("/etc/ssh", { recursive: true });
  for (const [name, key] of Object.entries(sshKeys)) {
    const [algorithm = "", half] = name.split("_");
    const path = `/etc/ssh/ssh_host_${algorithm}_key`;
    if (half === "private") writeFile(path, key.endsWith("\n") ? key : `${key}\n`, 0o600);
    else writeFile(`${path}.pub`, `${key.trim()}\n`, 0o644);
  }
  for (const file of files) {
    mkdirSync(dirname(file.path), { recursive: true });
    if (file.append) appendFileSync(file.path, file.content);
    else writeFile(file.path, file.content, Number.parseInt(file.mode, 8));
    if (file.owner !== "root:root") execFileSync("chown", [file.owner, file.path]);
  }
  return true;
}

function writeFile(path: string, content: string, mode: number): void {
  rmSync(path, { force: true });
  writeFileSync(path, content, { mode });
  chmodSync(path, mode);
}

/** The commands as one script without `-e`, as cloud-init writes them: only the last one's failure counts. */
export async function runFirstBoot({ firstBoot }: Seed): Promise<void> {
  if (firstBoot.problem !== undefined) appendFileSync(logFile, `WARNING: ${firstBoot.problem}\n`);
  const script = "/var/lib/cloud/runcmd";
  writeFileSync(script, ["#!/bin/sh", ...firstBoot.bootCommands, ...firstBoot.commands, ""].join("\n"), {
    mode: 0o700,
  });
  const log = openSync(logFile, "a");
  const environment = { PATH: process.env["PATH"], HOME: "/root", LANG: "C.UTF-8" };
  const child = spawn(script, [], { stdio: ["ignore", log, log], cwd: "/", env: environment });
  const code = await new Promise<number>((resolve) => {
    child.once("close", (status) => resolve(status ?? 1));
    child.once("error", () => resolve(127));
  });
  const bad = code !== 0 || firstBoot.problem !== undefined;
  appendFileSync(logFile, bad ? `runcmd failed with status ${code}\n` : "Cloud-init finished\n");
  writeFileSync(resultFile, bad ? "error" : "done");
  writeFileSync(statusFile, bad ? "error" : "done");
}
