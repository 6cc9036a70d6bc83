/** `make demo`: the product on one machine without an account anywhere. `ONCE=1`: one order there and back, then exit. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createFleetClient, unwrap } from "../../reconciler/cli/client.ts";
import { findFreePort } from "../../reconciler/db/free-port.ts";
import { scopes } from "../../reconciler/operators/api-keys.ts";
import { createStages, renderStages } from "./demo/stages.ts";
import { cancel, changeNothing, closeCell, placeOrder, talk, type Story } from "./demo/story.ts";
import { startServiceProcess, type ServiceProcess } from "./service-process.ts";
import { sandboxZone, startSandbox, type Sandbox } from "./start.ts";

const once = process.env["ONCE"] === "1";
const envFile = fileURLToPath(new URL("../../.clawfleet/env", import.meta.url));
const print = (line: string) => process.stdout.write(`${line}\n`);
const stages = createStages(print);
/** What has to be taken down, in the order in which it came up. */
const cleanups: (() => Promise<unknown>)[] = [];
let stopping: Promise<void> | undefined;
let logFile = "";

function takeDown(): Promise<void> {
  stopping ??= (async () => {
    while (cleanups.length > 0) await cleanups.pop()?.();
  })();
  return stopping;
}

async function setUp(): Promise<{ sandbox: Sandbox; service: ServiceProcess }> {
  const home = await mkdtemp(join(tmpdir(), "clawfleet-demo-"));
  cleanups.push(() => rm(home, { recursive: true, force: true }));
  // The embedded PostgreSQL runs as another user when this one is root.
  await chmod(home, 0o755);
  const sandbox = await stages.run("simulated clouds, billing and providers", async (say) => {
    const started = await startSandbox({ servicePort: await findFreePort() });
    say(`Hetzner ${started.hetzner.url}`);
    say(`Cloudflare ${started.cloudflare.url}`);
    say(`Stripe ${started.stripe.origin}`);
    return started;
  });
  cleanups.push(() => sandbox.close());
  const service = await stages.run("reconciler with its own PostgreSQL", async (say) => {
    const env = { ...sandbox.env, CLAWFLEET_DATA_DIR: join(home, "data") };
    logFile = join(home, "service.log");
    const started = await startServiceProcess(env, logFile);
    say(`listens on ${started.url}`);
    return started;
  });
  cleanups.push(() => service.stop());
  await writeEnvironment(service.env);
  return { sandbox, service };
}

/** For `npm run fleet` and `npm run pulumi` in another terminal. */
async function writeEnvironment(env: Record<string, string>): Promise<void> {
  const text = Object.entries(env)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}\n`)
    .join("");
  await mkdir(fileURLToPath(new URL("../../.clawfleet", import.meta.url)), { recursive: true });
  await writeFile(envFile, text, { mode: 0o600 });
  cleanups.push(async () => {
    // Another demo in this checkout may have put its own there.
    if ((await readFile(envFile, "utf8").catch(() => "")) === text) await rm(envFile);
  });
}

/** The console lets nobody in with the key of the environment. */
async function makeConsoleKey({ url, env }: ServiceProcess): Promise<string> {
  const client = createFleetClient({ url, adminKey: env["CLAWFLEET_ADMIN_KEY"] ?? "" });
  const json = { name: "visitor", scopes: [...scopes] };
  return (await unwrap(client.keys.$post({ json }))).key;
}

function printAddresses({ sandbox, service, consoleKey }: Story): void {
  const key = service.env["CLAWFLEET_ADMIN_KEY"];
  print(`
  sign-up    ${service.url}/
  admin      ${service.url}/api/v1/instances   (authorization: Bearer ${key})
  console    ${service.url}/console   (sign in with ${consoleKey})
  metrics    ${service.url}/metrics
  health     ${service.url}/healthz  ${service.url}/readyz
  mails      ${sandbox.mail.origin}/   (to customers)   ${sandbox.alerts.origin}/   (alerts to operators)
  customers  curl -H 'Host: <name>.${sandboxZone}' ${sandbox.edge.origin}/

  in another terminal:  npm run fleet -- list
                        npm run pulumi -- preview -s <name>`);
}

async function main(): Promise<void> {
  const { sandbox, service } = await setUp();
  const consoleKey = await makeConsoleKey(service);
  const story = { sandbox, service, stages, slug: "ada", consoleKey };
  printAddresses(story);
  const customer = await placeOrder(story);
  await talk(story, customer);
  await changeNothing(story);
  if (!once) {
    print(`\n${renderStages(stages.results())}`);
    printAddresses(story);
    print(`\n  The assistant of ${story.slug} stays up. Ctrl-C takes everything down.`);
    await new Promise<void>((resolve) => cleanups.push(async () => resolve()));
    return;
  }
  await cancel(story, customer);
  await closeCell(story);
}

/** What the service knows of it, before its log goes with everything else. */
async function printTrouble(): Promise<void> {
  const lines = (await readFile(logFile, "utf8").catch(() => "")).trim().split("\n");
  const telling = lines.filter((line) => /"level":(40|50|60)|"outcome":"(failed|interrupted)"/.test(line));
  if (telling.length > 0) print(`\nthe service said:\n${telling.slice(-12).join("\n")}`);
}

let exitCode = 0;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stopping) return;
    exitCode = once ? 130 : 0;
    print("\ntaking everything down");
    void takeDown().finally(() => process.exit(exitCode));
  });
}

try {
  await main();
  if (once && !stopping) await stages.run("everything taken down", takeDown);
} catch (error) {
  exitCode = 1;
  if (!stopping) {
    print(`\n${error instanceof Error ? error.message : String(error)}`);
    await printTrouble();
  }
} finally {
  await takeDown();
}
if (once) {
  print(`\n${renderStages(stages.results())}`);
  print(exitCode === 0 ? "\nevery stage held" : "\na stage did not hold; see above");
}
process.exitCode = exitCode;
