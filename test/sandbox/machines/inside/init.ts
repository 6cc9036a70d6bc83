/** Process 1 of a machine: first boot, units, the sockets through which the host looks in. Node's own modules only. */
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { emptySeed, runFirstBoot, takeSeed, type Seed } from "./first-boot.ts";
import { serveControl } from "./control.ts";
import { createSupervisor } from "./supervisor.ts";
import { openTunnel } from "./tunnels.ts";

const code = "/run/sandbox/code";
const host = "/run/sandbox/host";
/** Commands that a fresh server has and whose visible part we do ourselves. */
const standIns = ["systemctl", "apt-get", "cloud-init", "journalctl"];
/** What a fresh server does not have, whatever this host has. */
const absent = ["npm", "npx", "node", "caddy", "openclaw"];
/** Before the real ones on PATH, which our own stand-ins may still want. */
const standInsBefore = ["sleep", "curl", "sha512sum"];

function say(event: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** Once per disk. */
function prepareDisk(): void {
  const done = "/var/lib/sandbox-disk";
  if (existsSync(done)) return;
  for (const folder of ["/usr/bin", "/usr/sbin"]) {
    for (const name of [...standIns, ...absent]) rmSync(`${folder}/${name}`, { force: true });
  }
  for (const folder of ["lib", "bin", "sbin", "share"])
    mkdirSync(`/usr/local/${folder}`, { recursive: true });
  for (const folder of ["/var/lib/dpkg", "/var/lib/cloud/sem", "/root"])
    mkdirSync(folder, { recursive: true });
  for (const name of standIns) symlinkSync(`${code}/bin/${name}.ts`, `/usr/bin/${name}`);
  for (const name of standInsBefore) symlinkSync(`${code}/bin/${name}.ts`, `/usr/local/bin/${name}`);
  rmSync("/etc/machine-id", { force: true });
  writeFileSync(done, "");
}

/** The port that sshd's configuration names; 22 if none does. */
function sshPort(): number {
  const folder = "/etc/ssh/sshd_config.d";
  const file = `${folder}/10-clawfleet.conf`;
  const text = existsSync(file) && lstatSync(file).isFile() ? readFileSync(file, "utf8") : "";
  return Number(/^Port\s+(\d+)\s*$/m.exec(text)?.[1] ?? 22);
}

async function main(): Promise<void> {
  const seedFile = `${host}/seed.json`;
  const seed = existsSync(seedFile) ? (JSON.parse(readFileSync(seedFile, "utf8")) as Seed) : emptySeed;
  prepareDisk();
  const supervisor = createSupervisor({ onSshRestart: () => say({ event: "ssh", port: sshPort() }) });
  serveControl(supervisor);
  openTunnel(`${host}/https.sock`, { host: "127.0.0.1", port: 443 });

  let stopping = false;
  const powerOff = async () => {
    if (stopping) return;
    stopping = true;
    await supervisor.stopAll();
    say({ event: "off" });
    process.exit(0);
  };
  process.on("SIGTERM", () => void powerOff());
  process.stdin.on("end", () => process.exit(1)).resume();

  const fresh = takeSeed(seed);
  say({ event: "ssh", port: sshPort() });
  const failed = supervisor.startEnabled();
  if (fresh) await runFirstBoot(seed);
  say({ event: "booted", failed });
}

await main();
