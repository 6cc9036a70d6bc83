// Says as one line of JSON how this machine is: gateway, proxy, and what may run out. Changes nothing; exit code 0 whatever it finds.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { connect } from "node:net";
import { availableParallelism, loadavg, uptime } from "node:os";

const ANSWER_TIMEOUT_MS = 5000;
const COUNT_TIMEOUT_MS = 3000;
const DAY_MS = 24 * 60 * 60_000;
const MB = 1024 * 1024;

function systemctl(...args) {
  try {
    return execFileSync("systemctl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  } catch (error) {
    return String(error.stdout ?? "").trim();
  }
}

function readText(path) {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** The private address and not loopback: a request from a trusted proxy's address without a client is refused. */
async function askGateway() {
  const { customBindHost, port } = JSON.parse(readFileSync("/etc/openclaw/openclaw.json", "utf8")).gateway;
  const [, token = ""] =
    /^OPENCLAW_GATEWAY_TOKEN="([^"]*)"$/m.exec(readText("/etc/openclaw/gateway.env")) ?? [];
  const answer = await fetch(`http://${customBindHost}:${port}/startupz`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  });
  // Every unknown path answers 200 with a page, so the body counts and not the status.
  return await answer.json();
}

async function probeGateway() {
  const unit = systemctl("is-active", "openclaw.service") || "unknown";
  const show = (property) => systemctl("show", "--property", property, "--value", "openclaw.service");
  const since = Number(show("ActiveEnterTimestampMonotonic"));
  const count = Number.parseInt(show("NRestarts"), 10);
  const restarts = Number.isNaN(count) ? null : count;
  const upSeconds = unit === "active" && since > 0 ? Math.max(0, Math.round(uptime() - since / 1e6)) : null;
  try {
    const { status = "unknown", version } = await askGateway();
    return { unit, upSeconds, restarts, answer: status, ...(version === undefined ? {} : { version }) };
  } catch (error) {
    return {
      unit,
      upSeconds,
      restarts,
      answer: "none",
      reason: String(error.cause?.code ?? error.name ?? error),
    };
  }
}

/** Whether anybody takes connections on 443; who may come is not asked. */
function probeProxy() {
  const unit = systemctl("is-active", "caddy.service") || "unknown";
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: 443, timeout: ANSWER_TIMEOUT_MS });
    const end = (listens) => {
      socket.destroy();
      resolve({ unit, listens });
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}

function readMemory() {
  const text = readText("/proc/meminfo");
  const read = (name) =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) / 1024);
  return {
    totalMb: read("MemTotal"),
    availableMb: read("MemAvailable"),
    swapTotalMb: read("SwapTotal"),
    swapFreeMb: read("SwapFree"),
  };
}

function readDisk() {
  const { blocks, bavail, bsize, files, ffree } = statfsSync("/");
  const freeMb = Math.round((bavail * bsize) / MB);
  return { totalMb: Math.round((blocks * bsize) / MB), freeMb, inodes: files, inodesFree: ffree };
}

/**
 * Runs that came to a good end in each span of time: OpenClaw's audit ledger has one for every message that it answers, and for
 * every task of a schedule. Those of helpers that the agent itself calls are part of an answer.
 */
const COUNT_RUNS = `
  const [path, spans] = process.argv.slice(1);
  const { DatabaseSync } = require("node:sqlite");
  const ledger = new DatabaseSync(path, { readOnly: true, timeout: 1000 });
  const runs = ledger.prepare(\`
    select count(*) as count from audit_events
    where action = 'agent.run.finished' and status = 'succeeded' and occurred_at >= ? and occurred_at < ?
      and (session_key is null or session_key not like 'agent:%:subagent:%')\`);
  console.log(JSON.stringify(JSON.parse(spans).map(([from, to]) => runs.get(from, to).count)));`;

/** Yesterday too: what came between its last reading and midnight. The agent can write this file, so root does not open it. */
function countMessages() {
  const state = process.env.OPENCLAW_STATE_DIR ?? "/var/lib/openclaw/.openclaw";
  try {
    const { uid, gid } = statSync(state);
    const today = new Date().setUTCHours(0, 0, 0, 0);
    const days = [today - DAY_MS, today];
    const spans = JSON.stringify(days.map((from) => [from, from + DAY_MS]));
    const counts = JSON.parse(
      execFileSync(process.execPath, ["-e", COUNT_RUNS, "--", `${state}/state/openclaw.sqlite`, spans], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
        cwd: "/",
        env: {},
        timeout: COUNT_TIMEOUT_MS,
        killSignal: "SIGKILL",
        uid,
        gid,
      }),
    );
    return days.map((day, index) => ({
      day: new Date(day).toISOString().slice(0, 10),
      count: counts[index],
    }));
  } catch {
    return undefined;
  }
}

const [gateway, proxy] = await Promise.all([probeGateway(), probeProxy()]);
const [load1, , load15] = loadavg();
const vitals = {
  gateway,
  proxy,
  disk: readDisk(),
  memory: readMemory(),
  load: { one: load1, fifteen: load15, cpus: availableParallelism() },
  uptimeSeconds: Math.round(uptime()),
  restartRequired: existsSync("/run/reboot-required"),
  messages: countMessages(),
};
process.stdout.write(`${JSON.stringify(vitals)}\n`);
