// Brings this machine to one document, read from standard input: files, release, phase. Safe to run again at any time, also
// after a run that was cut off anywhere: what still has to be restarted is written down before the first change.
// What the gateway or the proxy would refuse is refused here, before anything has changed.
import { execFileSync } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
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

/** Beside what is there and flushed; counts from `put` on. */
function write({ path, content, bits = 0o600, uid = 0, gid = 0 }) {
  rmSync(staged(path), { force: true });
  const file = openSync(staged(path), "wx", bits);
  writeSync(file, content);
  fsyncSync(file);
  closeSync(file);
  chownSync(staged(path), uid, gid);
}

function put({ path, content }) {
  renameSync(staged(path), path);
  if (readFileSync(path, "utf8") !== content) throw new Error(`${path} does not hold what was written to it`);
}

/** For ourselves alone, whole or as it was. */
function replace(path, value) {
  const content = JSON.stringify(value);
  write({ path, content });
  put({ path, content });
}

/** Returns whether it differs from what is there. */
function stage({ path, content, mode, group, owner }) {
  const bits = Number.parseInt(mode, 8);
  const uid = owner === undefined ? 0 : identityOf(owner).uid;
  const gid = group === undefined ? 0 : identityOf(group).gid;
  const present = statSync(path, { throwIfNoEntry: false });
  const same = present?.uid === uid && present.gid === gid && (present.mode & 0o777) === bits;
  if (same && readFileSync(path, "utf8") === content) return false;
  write({ path, content, bits, uid, gid });
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

const ledger = "/var/lib/clawfleet/workspace.json";
const SEED_TIMEOUT_MS = 30_000;
const MAX_LEDGER_BYTES = 1_000_000;

/** The agent can stand in its way, which is the customer's own affair and stops nothing. Returns what went wrong. */
function seedWorkspace({ script, folder, files }) {
  try {
    const seeded = existsSync(ledger) ? JSON.parse(readFileSync(ledger, "utf8")) : {};
    const known = run("/opt/node/bin/node", ["--input-type=module", "--eval", script], {
      env: { PATH: "/usr/bin:/bin", HOME: "/var/lib/openclaw" },
      cwd: "/",
      input: JSON.stringify({ folder, seeded, files }),
      stdio: ["pipe", "pipe", "pipe"],
      timeout: SEED_TIMEOUT_MS,
      killSignal: "SIGKILL",
      maxBuffer: MAX_LEDGER_BYTES,
      ...identityOf("openclaw"),
    });
    keepLedger(JSON.parse(known));
    return undefined;
  } catch (error) {
    return error.code ?? (error.stderr?.trim().split("\n").at(-1) || error.message);
  }
}

/** Whoever wrote it shares a user with the agent. */
function keepLedger(known) {
  const entries = Object.entries(known).filter(([, hash]) => /^([0-9a-f]{64})?$/.test(hash));
  mkdirSync("/var/lib/clawfleet", { recursive: true });
  replace(ledger, Object.fromEntries(entries));
}

function isIn(state, unit) {
  try {
    systemctl(`is-${state}`, "--quiet", unit);
    return true;
  } catch {
    return false;
  }
}
const isActive = (unit) => isIn("active", unit);
const isFailed = (unit) => isIn("failed", unit);

function bindOf(config) {
  const { bind, customBindHost, port } = JSON.parse(config).gateway;
  return JSON.stringify([bind, customBindHost, port]);
}

const pendingFile = "/etc/clawfleet/pending.json";
/** In the order in which they are done. */
const steps = {
  units: () => systemctl("daemon-reload"),
  wall: () => systemctl("reload-or-restart", "nftables.service"),
  gateway() {
    // One that failed too often would be refused, whatever was mended; systemd does not know one that never ran.
    if (isFailed("openclaw.service")) systemctl("reset-failed", "openclaw.service");
    systemctl("restart", "openclaw.service");
  },
  proxy: () => systemctl("reload-or-restart", "caddy.service"),
};

/** Steps that an earlier run began and did not end. */
function readPending() {
  if (!existsSync(pendingFile)) return [];
  try {
    return JSON.parse(readFileSync(pendingFile, "utf8"));
  } catch {
    return Object.keys(steps);
  }
}

/** Whatever else may fail: who does not pay is not served. Keys that were taken away go all the same. */
function suspend({ secrets, environment }) {
  systemctl("disable", "--now", "openclaw.service");
  systemctl("disable", "--now", "caddy.service");
  for (const file of [secrets, environment].filter(stage)) put(file);
  process.stdout.write("suspended\n");
}

/** Each under a name of its own content: one is there before the site that names it, and stays until that is in force. */
function removeOldAuthorities({ path }) {
  const folder = "/etc/caddy";
  const old = readdirSync(folder).filter((name) => /^origin-pull-ca-\w+\.pem$/.test(name));
  for (const name of old) if (`${folder}/${name}` !== path) rmSync(`${folder}/${name}`);
}

async function main() {
  for (const folder of ["/etc/systemd/system/openclaw.service.d", "/etc/clawfleet"])
    mkdirSync(folder, { recursive: true });
  if (wanted.phase === "suspended") return suspend(wanted);
  await waitForAddress(wanted.privateIp);
  run("/usr/local/lib/clawfleet/install-openclaw.sh", [wanted.openclawVersion]);

  const { config, environment, secrets, limits, originPullCa, site, ports } = wanted;
  if (stage(originPullCa)) put(originPullCa);
  // The configuration after what it names.
  const changed = new Set([secrets, environment, config, limits, site, ports].filter(stage));
  if (changed.has(config)) checkGatewayConfig(config);
  if (changed.has(site)) checkSite(site);

  const old = existsSync(config.path) ? readFileSync(config.path, "utf8") : undefined;
  // The gateway applies most of its file by itself; a new address it cannot, it has to be stopped around that.
  const rebound = old !== undefined && bindOf(old) !== bindOf(config.content);
  const released = !isCurrentRelease();
  const pending = new Set(readPending());
  if (changed.has(limits)) pending.add("units");
  if (changed.has(ports)) pending.add("wall");
  if (changed.has(site) || !isActive("caddy.service")) pending.add("proxy");
  const restarts = released || rebound || [environment, secrets, limits].some((file) => changed.has(file));
  if (restarts || !isActive("openclaw.service")) pending.add("gateway");
  replace(pendingFile, [...pending]);

  if (rebound) systemctl("stop", "openclaw.service");
  if (released) switchRelease();
  for (const file of changed) put(file);
  const unseeded = seedWorkspace(wanted.workspace);
  systemctl("enable", "openclaw.service", "caddy.service");
  for (const [name, take] of Object.entries(steps)) if (pending.has(name)) take();
  removeOldAuthorities(originPullCa);
  rmSync(pendingFile);
  const gateway = pending.has("gateway") ? "restarted" : "still running";
  const workspace = unseeded === undefined ? "" : `; the workspace could not be seeded: ${unseeded}`;
  process.stdout.write(`configured ${wanted.revision}, ${gateway}${workspace}\n`);
}

try {
  await main();
} catch (error) {
  // What a failed command said, and never the document.
  const said = [error.stderr, error.stdout].find((text) => typeof text === "string" && text.trim() !== "");
  process.stderr.write(`configure: ${said?.trim().replaceAll(/\s+/g, " ") ?? error.message}\n`);
  process.exitCode = 1;
}
