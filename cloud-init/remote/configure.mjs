// Brings this machine to one document, read from standard input: files, release, phase. Safe to run again at any time.
// What the gateway or the proxy would refuse is refused here, before anything has changed.
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
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const wanted = JSON.parse(readFileSync(0, "utf8"));
const ADDRESS_WAIT_MS = 120_000;
const staged = (path) => `${path}.new`;

function run(command, args, options = {}) {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...options });
}

function systemctl(...args) {
  return run("systemctl", args);
}

function identityOf(user) {
  return { uid: Number(run("id", ["-u", user])), gid: Number(run("id", ["-g", user])) };
}

/** Written beside and flushed; counts from `put` on. Returns whether it differs from what is there. */
function stage({ path, content, mode, group, owner }) {
  if (existsSync(path) && readFileSync(path, "utf8") === content) return false;
  rmSync(staged(path), { force: true });
  const file = openSync(staged(path), "wx", Number.parseInt(mode, 8));
  writeSync(file, content);
  fsyncSync(file);
  closeSync(file);
  const uid = owner === undefined ? 0 : identityOf(owner).uid;
  chownSync(staged(path), uid, group === undefined ? 0 : identityOf(group).gid);
  return true;
}

function put({ path, content }) {
  renameSync(staged(path), path);
  if (readFileSync(path, "utf8") !== content) throw new Error(`${path} does not hold what was written to it`);
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

const link = "/opt/openclaw/current";
const releaseFolder = `/opt/openclaw/${wanted.openclawVersion}`;

function isCurrentRelease() {
  return existsSync(link) && readlinkSync(link) === releaseFolder;
}

function switchRelease() {
  rmSync(staged(link), { force: true });
  symlinkSync(releaseFolder, staged(link));
  renameSync(staged(link), link);
}

/** By the release that will read it, as its own user, away from the state that a running gateway has open. */
function checkGatewayConfig({ path }) {
  const entry = `${releaseFolder}/lib/node_modules/openclaw/openclaw.mjs`;
  const environment = {
    PATH: "/opt/node/bin:/usr/bin:/bin",
    HOME: "/nonexistent",
    OPENCLAW_STATE_DIR: "/nonexistent/state",
    OPENCLAW_CONFIG_PATH: staged(path),
    OPENCLAW_CONFIG_READONLY: "1",
  };
  run("/opt/node/bin/node", [entry, "config", "validate", "--json"], {
    env: environment,
    cwd: "/",
    timeout: 60_000,
    ...identityOf("openclaw"),
  });
}

function checkSite({ path }) {
  const environment = { PATH: "/usr/bin:/bin", HOME: "/var/lib/caddy" };
  run("caddy", ["validate", "--config", staged(path), "--adapter", "caddyfile"], {
    env: environment,
    cwd: "/",
    ...identityOf("caddy"),
  });
}

function seedWorkspace({ script, ...input }) {
  run("/opt/node/bin/node", ["--input-type=module", "--eval", script], {
    env: { PATH: "/usr/bin:/bin", HOME: "/var/lib/openclaw" },
    cwd: "/",
    input: JSON.stringify(input),
    stdio: ["pipe", "pipe", "pipe"],
    ...identityOf("openclaw"),
  });
}

function isActive(unit) {
  try {
    systemctl("is-active", "--quiet", unit);
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
  for (const folder of ["/etc/systemd/system/openclaw.service.d", "/etc/clawfleet"])
    mkdirSync(folder, { recursive: true });
  if (wanted.phase === "running") await waitForAddress(wanted.privateIp);
  run("/usr/local/lib/clawfleet/install-openclaw.sh", [wanted.openclawVersion]);

  const released = !isCurrentRelease();
  const { config, environment, secrets, limits, originPullCa, site, ports } = wanted;
  // The configuration after what it names.
  const files = [secrets, environment, config, limits, originPullCa, site, ports];
  const changed = new Set(files.filter(stage));
  // Read by the check of the site, and by nobody until the site that names it is there.
  const authority = changed.has(originPullCa);
  if (authority) put(originPullCa);
  if (changed.has(config)) checkGatewayConfig(config);
  if (changed.has(site)) checkSite(site);

  const old = existsSync(config.path) ? readFileSync(config.path, "utf8") : undefined;
  // The gateway applies most of its file by itself; a new address it cannot, it has to be stopped around that.
  const rebound = old !== undefined && bindOf(old) !== bindOf(config.content);
  if (rebound) systemctl("stop", "openclaw.service");
  if (released) switchRelease();
  for (const file of changed) if (file !== originPullCa) put(file);
  seedWorkspace(wanted.workspace);
  if (changed.has(limits)) systemctl("daemon-reload");
  if (changed.has(ports)) systemctl("reload-or-restart", "nftables.service");

  if (wanted.phase === "suspended") {
    systemctl("disable", "--now", "openclaw.service");
    systemctl("disable", "--now", "caddy.service");
    process.stdout.write("suspended\n");
    return;
  }
  systemctl("enable", "openclaw.service", "caddy.service");
  const restart =
    released ||
    changed.has(environment) ||
    changed.has(secrets) ||
    changed.has(limits) ||
    rebound ||
    !isActive("openclaw.service");
  if (restart) systemctl("restart", "openclaw.service");
  if (!isActive("caddy.service")) systemctl("restart", "caddy.service");
  else if (changed.has(site) || authority) systemctl("reload", "caddy.service");
  process.stdout.write(`configured ${wanted.revision}, ${restart ? "restarted" : "still running"}\n`);
}

try {
  await main();
} catch (error) {
  // What a failed command said, and never the document.
  const said = [error.stderr, error.stdout].find((text) => typeof text === "string" && text.trim() !== "");
  process.stderr.write(`configure: ${said?.trim().replaceAll(/\s+/g, " ") ?? error.message}\n`);
  process.exitCode = 1;
}
