// Prints what OpenClaw says of a one-time link into its control page; ten minutes, single use. Runs as the gateway's own user.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const idOf = (flag) => Number(execFileSync("id", [flag, "openclaw"], { encoding: "utf8" }));
const [, token = ""] =
  /^OPENCLAW_GATEWAY_TOKEN="([^"]*)"$/m.exec(readFileSync("/etc/openclaw/gateway.env", "utf8")) ?? [];

function say(problem) {
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}

/** @throws when it ends with a code, with what it printed. */
const askOpenclaw = () =>
  execFileSync(
    "/opt/node/bin/node",
    ["/opt/openclaw/current/lib/node_modules/openclaw/openclaw.mjs", "dashboard", "--json"],
    {
      encoding: "utf8",
      cwd: "/",
      timeout: 90_000,
      stdio: ["ignore", "pipe", "pipe"],
      uid: idOf("-u"),
      gid: idOf("-g"),
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
