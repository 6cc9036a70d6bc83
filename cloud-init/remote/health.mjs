// Says "started <version>" once the gateway answers on its private address with the token that was configured.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const { phase, address, port, token, timeoutMs } = JSON.parse(readFileSync(0, "utf8"));
// The private address and not loopback: a request from a trusted proxy's address without a client is refused.
const gateway = `http://${address}:${port}`;

function fail(reason) {
  process.stderr.write(`health: ${reason}\n`);
  process.exit(1);
}

async function ask(path, headers) {
  const answer = await fetch(`${gateway}${path}`, { headers, signal: AbortSignal.timeout(5000) });
  return { status: answer.status, body: await answer.text() };
}

async function findVersion() {
  // Every unknown path answers 200 with a page, so the body counts and not the status.
  // Which release it is, it tells nobody but its own.
  const { body } = await ask("/startupz", { authorization: `Bearer ${token}` });
  const startup = JSON.parse(body);
  return startup.status === "started" ? (startup.version ?? "with another token") : undefined;
}

/** Undefined while it is on its way; ends here for what waiting does not mend. */
async function look() {
  const version = await findVersion();
  if (version === undefined) return undefined;
  const open = await ask("/v1/models", {});
  if (open.status !== 401) fail(`the gateway answers ${open.status} without a token`);
  const authorized = await ask("/v1/models", { authorization: `Bearer ${token}` });
  if (authorized.status !== 200) fail(`the gateway answers ${authorized.status} to the configured token`);
  return version;
}

/** Just after its start it may be too busy to answer in time. */
async function waitForStart() {
  const deadline = Date.now() + timeoutMs;
  let last = "nothing listens";
  while (Date.now() < deadline) {
    const version = await look().catch((error) => {
      last = error.cause?.code ?? error.message;
      return undefined;
    });
    if (version !== undefined) return version;
    await sleep(300);
  }
  return fail(`the gateway did not start within ${timeoutMs / 1000} s (${last})`);
}

if (phase === "suspended") {
  let active = true;
  try {
    execFileSync("systemctl", ["is-active", "--quiet", "openclaw.service"]);
  } catch {
    active = false;
  }
  if (active) fail("the gateway still runs although it is suspended");
  process.stdout.write("suspended\n");
} else {
  process.stdout.write(`started ${await waitForStart()}\n`);
}
