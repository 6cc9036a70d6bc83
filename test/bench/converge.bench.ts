/** One customer's converge, ours beside the usual ways to drive the same program, and what more workers bring. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startConvergeWorker } from "../../reconciler/converge/worker.ts";
import type { ConvergeJob, Reason } from "../../reconciler/queue/jobs.ts";
import type { Worker } from "../../reconciler/queue/worker.ts";
import { startConvergeRig, type ConvergeRig } from "../support/converge-rig.ts";
import { eventually } from "../support/poll.ts";
import type { Bench, Reporter } from "./figures.ts";
import { measureRunners } from "./memory.ts";
import { createBareCli, createNaive, createProject } from "./naive.ts";
import { createSamples, type Samples } from "./samples.ts";
import { withServer, type BenchDatabase } from "./server.ts";

const rounds = 3;
const workerCounts = [1, 2, 4] as const;
const jobsPerPass = 8;
const cases = ["create", "change", "no-change"] as const;
type Case = (typeof cases)[number];
type Side = { name: string; run(what: Case, job: ConvergeJob): Promise<void>; close?(): Promise<void> };

const goals: Partial<Record<Case, number>> = { change: 0.6, "no-change": 0.4 };

export const bench: Bench = {
  summary: "one converge beside a naive one and the bare CLI; processes, workers, memory",
  run: (reporter) =>
    withServer(async (createDatabase) => {
      const database = await createDatabase("bench");
      const rig = await startConvergeRig(database);
      // The Automation API looks for the CLI on the path of its own process.
      const before = process.env["PATH"];
      process.env["PATH"] = rig.environment["PATH"];
      try {
        await compareSides(reporter, rig);
        await skipUnchanged(reporter, rig);
        await countWorkers(reporter, rig, database);
      } finally {
        process.env["PATH"] = before;
        await rig.close();
      }
    }),
};

async function compareSides({ say, report }: Reporter, rig: ConvergeRig): Promise<void> {
  const sides = await createSides(rig);
  const samples = createSamples();
  const processes = new Map<string, number>();
  for (let round = 0; round < rounds; round += 1) {
    const jobs = new Map<Side, ConvergeJob>();
    for (const side of sides) jobs.set(side, await rig.addInstance(`${side.name}-${round}`));
    for (const what of cases) {
      for (const [side, job] of jobs) {
        if (what === "change") await rig.override(job, "openclawVersion: 2026.9.7");
        const key = `${what} ${side.name}`;
        const seconds = await samples.time(key, () => side.run(what, job));
        processes.set(key, (await rig.counter.take()).length);
        say(
          `round ${round + 1} of ${rounds}: ${key} ${seconds.toFixed(2)} s, ${processes.get(key)} processes`,
        );
      }
    }
  }
  for (const side of sides) await side.close?.();
  for (const what of cases) reportCase(report, what, samples, processes);
}

function reportCase(
  report: Reporter["report"],
  what: Case,
  samples: Samples,
  processes: ReadonlyMap<string, number>,
): void {
  const goal = goals[what];
  const ours = samples.median(`${what} ours`);
  const beside = { value: ours, baseline: samples.median(`${what} naive`), unit: "s" };
  report({ case: what, ...beside, ...(goal === undefined ? {} : { goal }) });
  report({
    case: `${what} beside bare CLI`,
    value: ours,
    baseline: samples.median(`${what} cli`),
    unit: "s",
  });
  report({
    case: `${what} processes`,
    value: processes.get(`${what} ours`) ?? 0,
    baseline: processes.get(`${what} naive`) ?? 0,
    unit: "processes",
  });
  report({
    case: `${what} processes of the bare CLI`,
    value: processes.get(`${what} cli`) ?? 0,
    unit: "processes",
  });
}

async function createSides(rig: ConvergeRig): Promise<Side[]> {
  const home = await mkdtemp(join(tmpdir(), "projects-"));
  const naive = createNaive(await createProject(home, "naive"), rig.environment);
  const cli = createBareCli(await createProject(home, "cli"), rig.environment);
  const deps = rig.createWorkerDeps();
  const reasons: Record<Case, Reason> = { create: "paid", change: "pull-request", "no-change": "operator" };
  // A worker's first run also loads the program; the others do not, and it is theirs that customers see.
  await rig.converge(deps, await rig.addInstance("warm"), "paid");
  await rig.counter.take();
  return [
    {
      name: "ours",
      run: (what, job) => rig.converge(deps, job, reasons[what]),
      close: () => deps.pool.stop(),
    },
    { name: "naive", run: (_what, job) => naive(job.stack) },
    {
      name: "cli",
      async run(what, job) {
        if (what === "create") await cli.init(job.stack);
        await cli.up(job.stack);
      },
    },
  ];
}

async function skipUnchanged({ report, say }: Reporter, rig: ConvergeRig): Promise<void> {
  const deps = rig.createWorkerDeps();
  const job = await rig.addInstance("skipped");
  await rig.converge(deps, job, "paid");
  await rig.counter.take();
  const samples = createSamples();
  for (let round = 0; round < 50; round += 1) {
    await samples.time("skipped", () => rig.converge(deps, job, "resync"));
  }
  report({ case: "skipped", value: (await rig.counter.take()).length, unit: "processes" });
  report({ case: "skipped seconds", value: samples.median("skipped"), unit: "s" });
  await deps.pool.stop();
  say("skipped: measured");
}

async function countWorkers(
  { report, say }: Reporter,
  rig: ConvergeRig,
  database: BenchDatabase,
): Promise<void> {
  const jobs: ConvergeJob[] = [];
  for (let at = 0; at < jobsPerPass; at += 1) jobs.push(await rig.addInstance(`fleet-${at}`));
  const samples = createSamples();
  let idleMb = 0;
  let busyMb = 0;
  await workThrough(rig, database, jobs, Math.max(...workerCounts), samples, "making them");
  for (let round = 0; round < rounds; round += 1) {
    for (const count of workerCounts) {
      for (const job of jobs) await rig.override(job, `openclawVersion: 2026.${10 + round}.${count}`);
      const memory = await workThrough(rig, database, jobs, count, samples, `workers ${count}`);
      if (count === 1) ({ idleMb, busyMb } = memory);
      say(`round ${round + 1} of ${rounds}: ${jobs.length} converges by ${count} workers`);
    }
  }
  const perMinute = (count: number) => (60 * jobs.length) / samples.median(`workers ${count}`);
  for (const count of workerCounts) {
    const beside = count === 1 ? {} : { baseline: perMinute(1) };
    report({ case: `workers ${count}`, value: perMinute(count), unit: "converges/min", ...beside });
  }
  report({ case: "memory of an idle worker", value: idleMb, unit: "MB" });
  report({ case: "memory of a busy worker", value: busyMb, unit: "MB" });
}

/** Through the real queue, by runners that have loaded the program already. */
async function workThrough(
  rig: ConvergeRig,
  database: BenchDatabase,
  jobs: readonly ConvergeJob[],
  concurrency: number,
  samples: Samples,
  name: string,
): Promise<{ idleMb: number; busyMb: number }> {
  const deps = rig.createWorkerDeps();
  await Promise.all(
    jobs.slice(0, concurrency).map((job) => rig.converge(deps, { ...job, kind: "preview" }, "operator")),
  );
  let busyMb = 0;
  let worker: Worker | undefined;
  await samples.time(name, async () => {
    await rig.queue.enqueueConverge(database.sql, jobs);
    worker = startConvergeWorker(deps, { concurrency });
    busyMb = await watchUntil(() => rig.isSettled(jobs));
  });
  const { idleMb } = await measureRunners();
  await worker?.stop(10_000);
  await deps.pool.stop();
  return { idleMb, busyMb };
}

/** Resolves with the most that one runner, its CLI and plugins had together meanwhile, MB. */
async function watchUntil(isDone: () => Promise<boolean>): Promise<number> {
  let peak = 0;
  const look = async () => {
    peak = Math.max(peak, (await measureRunners()).groupMb);
    return await isDone();
  };
  await eventually("every job is done", look, 600_000);
  return peak;
}
