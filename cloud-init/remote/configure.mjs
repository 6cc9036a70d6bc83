// Brings this machine to one document, read from standard input: files, release, phase. Safe to run again at any time.
import { execFileSync } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const wanted = JSON.parse(readFileSync(0, "utf8"));
const ADDRESS_WAIT_MS = 120_000;

function run(command, ...args) {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function numericId(kind, name) {
  return Number(run("id", kind, name));
}

/** Written beside, flushed, renamed, read back. Returns whether anything changed. */
function putFile({ path, content, mode, group }) {
  if (existsSync(path) && readFileSync(path, "utf8") === content) return false;
  const fresh = `${path}.new`;
  if (existsSync(fresh)) unlinkSync(fresh);
  const file = openSync(fresh, "wx", Number.parseInt(mode, 8));
  writeSync(file, content);
  fsyncSync(file);
  closeSync(file);
  chownSync(fresh, 0, group === undefined ? 0 : numericId("-g", group));
  renameSync(fresh, path);
  if (readFileSync(path, "utf8") !== content) throw new Error(`${path} does not hold what was written to it`);
  return true;
}

/** Hetzner's images bring a new private interface up by themselves, some seconds after it was attached. */
async function waitForAddress(address) {
  const deadline = Date.now() + ADDRESS_WAIT_MS;
  while (Date.now() < deadline) {
    const present = Object.values(networkInterfaces()).flat();
    if (present.some((one) => one.address === address)) return;
    await sleep(500);
  }
  throw new Error(`the private address ${address} did not appear on this machine`);
}

/** Returns whether another release is current now. */
function switchRelease(version) {
  run("/usr/local/lib/clawfleet/install-openclaw.sh", version);
  const link = "/opt/openclaw/current";
  const target = `/opt/openclaw/${version}`;
  if (existsSync(link) && readlinkSync(link) === target) return false;
  const fresh = `${link}.new`;
  if (existsSync(fresh)) unlinkSync(fresh);
  symlinkSync(target, fresh);
  renameSync(fresh, link);
  return true;
}

function isActive(unit) {
  try {
    run("systemctl", "is-active", "--quiet", unit);
    return true;
  } catch {
    return false;
  }
}

function bindOf(config) {
  const { bind, customBindHost, port } = JSON.parse(config).gateway;
  return JSON.stringify([bind, customBindHost, port]);
}

async function main() {
  mkdirSync("/etc/systemd/system/openclaw.service.d", { recursive: true });
  if (wanted.phase === "running") await waitForAddress(wanted.privateIp);
  const released = switchRelease(wanted.openclawVersion);

  const old = existsSync(wanted.config.path) ? readFileSync(wanted.config.path, "utf8") : undefined;
  // The gateway applies most of its file by itself; a new address it cannot, it has to be stopped around that.
  const rebound = old !== undefined && bindOf(old) !== bindOf(wanted.config.content);
  if (rebound) run("systemctl", "stop", "openclaw.service");
  const limits = putFile(wanted.limits);
  const environment = putFile(wanted.environment);
  putFile(wanted.config);
  const site = putFile(wanted.site);
  if (limits) run("systemctl", "daemon-reload");

  if (wanted.phase === "suspended") {
    run("systemctl", "disable", "--now", "openclaw.service");
    run("systemctl", "disable", "--now", "caddy.service");
    process.stdout.write("suspended\n");
    return;
  }
  run("systemctl", "enable", "openclaw.service", "caddy.service");
  const restart = released || environment || limits || rebound || !isActive("openclaw.service");
  if (restart) run("systemctl", "restart", "openclaw.service");
  if (!isActive("caddy.service")) run("systemctl", "restart", "caddy.service");
  else if (site) run("systemctl", "reload", "caddy.service");
  process.stdout.write(`configured ${wanted.revision}, ${restart ? "restarted" : "still running"}\n`);
}

try {
  await main();
} catch (error) {
  // What a failed command said, and never the document.
  const said = typeof error.stderr === "string" ? error.stderr.trim() : "";
  process.stderr.write(`configure: ${said || error.message}\n`);
  process.exitCode = 1;
}
