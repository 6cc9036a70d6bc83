/** A scan of 1,000 instances for drift, beside `pulumi refresh` of each of their stacks. */
import { listFindings } from "../../reconciler/db/drift.ts";
import { defaultPolicy } from "../../reconciler/drift/policy.ts";
import { scanDrift, type ScanDeps } from "../../reconciler/drift/scan.ts";
import { openStateStore } from "../../reconciler/recovery/state-store.ts";
import { startConvergeRig, type ConvergeRig } from "../support/converge-rig.ts";
import { createTestLog } from "../support/log.ts";
import { seedClouds } from "./drift-seed.ts";
import type { Bench, Reporter } from "./figures.ts";
import { sampleSlug } from "./fleet-seed.ts";
import { createBareCli, createProject } from "./naive.ts";
import { createSamples } from "./samples.ts";
import { withServer, type BenchDatabase } from "./server.ts";

const instances = 1000;
const refreshed = 5;
const scans = 3;
const requestsGoal = 1 / 50;

export const bench: Bench = {
  summary: "a scan of 1,000 instances with 10 drifted, beside pulumi refresh of each stack",
  run: (reporter) =>
    withServer(async (createDatabase) => {
      const database = await createDatabase("drift");
      const rig = await startConvergeRig(database);
      try {
        await build(reporter, rig, database);
        await measure(reporter, rig, database);
      } finally {
        await rig.close();
      }
    }),
};

async function build({ say }: Reporter, rig: ConvergeRig, { sql }: BenchDatabase): Promise<void> {
  const deps = rig.createWorkerDeps();
  await rig.converge(deps, await rig.addInstance(sampleSlug), "paid");
  await deps.pool.stop();
  say(`one instance is built; ${instances - 1} more are made after it`);
  await seedClouds(rig, sql, instances - 1);
  await sql`update clawfleet.operations set started_at = started_at - interval '1 hour', ended_at = ended_at - interval '1 hour',
    end_recorded_at = end_recorded_at - interval '1 hour'`;
}

async function measure(reporter: Reporter, rig: ConvergeRig, database: BenchDatabase): Promise<void> {
  const { say, report } = reporter;
  const deps = createDeps(rig, database);
  const samples = createSamples();
  const scan = (name: string) =>
    samples.time(name, () => scanDrift(deps, { account: "default", actor: "bench" }));
  await scan("first");
  await expectFound(database, []);
  const drifted = await drift(rig);
  let requests = 0;
  for (let round = 0; round < scans; round += 1) {
    const before = countRequests(rig);
    const seconds = await scan("scan");
    requests = countRequests(rig) - before;
    say(`scan ${round + 1} of ${scans}: ${seconds.toFixed(2)} s, ${requests} requests`);
  }
  const { found, invented } = await expectFound(database, drifted);
  const each = await measureRefresh(reporter, rig, database);
  report({
    case: "requests",
    value: requests,
    unit: "requests",
    baseline: each.requests * instances,
    goal: requestsGoal,
  });
  report({ case: "seconds", value: samples.median("scan"), unit: "s", baseline: each.seconds * instances });
  report({ case: "seconds when no state was read yet", value: samples.median("first"), unit: "s" });
  report({ case: `found of ${drifted.length}`, value: found, unit: "drifted" });
  report({ case: "invented", value: invented, unit: "drifted" });
}

function createDeps(rig: ConvergeRig, { sql, url }: BenchDatabase): ScanDeps {
  const { hetzner, cloudflare, env } = rig.sandbox;
  return {
    sql,
    queue: rig.queue,
    clock: { now: () => new Date() },
    log: createTestLog().log,
    onAlert: () => {},
    store: openStateStore(sql, { backend: url, database: url }),
    policy: {
      ...defaultPolicy,
      cosmetic: "ignore",
      repair: "ignore",
      missing: "ignore",
      dangerous: "ignore",
    },
    repairsPerHour: 0,
    accessOf: () => ({
      hetzner: { baseUrl: hetzner.url, token: hetzner.token, fetch },
      cloudflare: { baseUrl: cloudflare.url, token: env["CLOUDFLARE_API_TOKEN"] ?? "", fetch },
    }),
  };
}

/** Ten of them, by another hand, in every way. Returns their names. */
async function drift(rig: ConvergeRig): Promise<string[]> {
  const project = rig.sandbox.hetzner.project();
  const { cloudflare } = rig.sandbox;
  const names = Array.from({ length: 10 }, (_, at) => `c${37 + at * 90}`);
  const record = (at: number) => cloudflare.recordsNamed(`${names[at]}.claws.example`)[0];
  const server = (at: number) => project.server(`cf-${names[at]}`);
  for (const at of [0, 1]) Object.assign(record(at) ?? {}, { content: "192.0.2.66" });
  Object.assign(record(2) ?? {}, { proxied: false });
  cloudflare.removeRecord(record(3)?.id ?? "");
  await project.vanish("server", `cf-${names[4]}`);
  await project.vanish("firewall", `cf-${names[5]}`);
  await project.api("PUT", `/servers/${server(6).id}`, { labels: {} });
  server(7).deleteProtected = false;
  await project.api("POST", `/firewalls/${project.firewall(`cf-${names[8]}`).id}/actions/set_rules`, {
    rules: [],
  });
  await project.api("PUT", `/servers/${server(9).id}`, { name: "renamed" });
  await project.settled();
  return names;
}

/** @throws Error unless exactly these have a finding. */
async function expectFound(
  { sql }: BenchDatabase,
  names: readonly string[],
): Promise<{ found: number; invented: number }> {
  const findings = (await listFindings(sql)).map(({ slug, subject }) => slug ?? subject);
  const found = names.filter((name) => findings.includes(name)).length;
  const invented = findings.filter((name) => !names.includes(name));
  if (found === names.length && invented.length === 0) return { found, invented: 0 };
  const some = JSON.stringify((await listFindings(sql)).slice(0, 3));
  throw new Error(`${found} of ${names.length} were found, and ${invented.length} were invented: ${some}`);
}

/** The bare CLI on some of the stacks, one after the other. */
async function measureRefresh({ say }: Reporter, rig: ConvergeRig, { sql }: BenchDatabase) {
  const folder = await createProject(rig.tmp, "refresh");
  const { refresh } = createBareCli(folder, rig.environment);
  const samples = createSamples();
  const before = countRequests(rig);
  for (let at = 1; at <= refreshed; at += 1) {
    const seconds = await samples.time("refresh", () => refresh(`c${at}`));
    say(`refresh ${at} of ${refreshed}: ${seconds.toFixed(2)} s`);
  }
  const [left] = await sql<{ count: number }[]>`select count(*)::int as count from clawfleet.instances`;
  if (left?.count !== instances) throw new Error(`there are ${left?.count} instances`);
  return { requests: (countRequests(rig) - before) / refreshed, seconds: samples.median("refresh") };
}

/** At both clouds so far. */
function countRequests({ sandbox }: ConvergeRig): number {
  return sandbox.hetzner.exchanges.length + sandbox.cloudflare.exchanges.length;
}
