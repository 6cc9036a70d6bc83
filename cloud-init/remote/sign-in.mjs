// Prints what OpenClaw says of a one-time link into its control page; ten minutes, single use. Runs as the gateway's own user and in its
// namespaces: from outside of its user namespace OpenClaw cannot see whose the listeners are, and gives no link (measured with 2026.9.6).
import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";

const ask = (program, args) => execFileSync(program, args, { encoding: "utf8" }).trim();
const gateway = ask("systemctl", ["show", "--property", "MainPID", "--value", "openclaw.service"]);
const [, token = ""] =
  /^OPENCLAW_GATEWAY_TOKEN="([^"]*)"$/m.exec(readFileSync("/etc/openclaw/gateway.env", "utf8")) ?? [];

function say(problem) {
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}

// Nobody can enter the user namespace that they are in.
const isElsewhere = (kind) =>
  readlinkSync(`/proc/self/ns/${kind}`) !== readlinkSync(`/proc/${gateway}/ns/${kind}`);
const namespaces = [
  ["user", "--user"],
  ["mnt", "--mount"],
];

if (gateway === "0") say("the gateway does not run");
const enter = namespaces.filter(([kind]) => isElsewhere(kind)).map(([, flag]) => flag);
const become = ["--setuid", ask("id", ["-u", "openclaw"]), "--setgid", ask("id", ["-g", "openclaw"])];
const openclaw = ["/opt/node/bin/node", "/opt/openclaw/current/lib/node_modules/openclaw/openclaw.mjs"];

/** @throws when it ends with a code, with what it printed. */
const askOpenclaw = () =>
  execFileSync(
    "nsenter",
    ["--target", gateway, ...enter, ...become, "--", ...openclaw, "dashboard", "--json"],
    {
      encoding: "utf8",
      cwd: "/",
      timeout: 90_000,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: "/opt/node/bin:/usr/bin:/bin",
        HOME: "/var/lib/openclaw",
        OPENCLAW_STATE_DIR: "/var/lib/openclaw/.openclaw",
        OPENCLAW_CONFIG_PATH: "/etc/openclaw/openclaw.json",
        OPENCLAW_CONFIG_READONLY: "1",
        OPENCLAW_GATEWAY_TOKEN: token,
        NODE_COMPILE_CACHE: "/var/cache/openclaw",
      },
    },
  );
try {
  const output = askOpenclaw();
  // Notes may stand before the document.
  process.stdout.write(output.slice(Math.max(0, output.indexOf("{"))));
} catch (error) {
  const [, reason] = /"reason":"([^"]{1,200})"/.exec(String(error.stdout)) ?? [];
  say(reason ?? error.code ?? `openclaw ended with ${error.status}`);
}
