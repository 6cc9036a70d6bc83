/** One scan: bulk lists of the clouds held against the states, findings kept up to date, repairs queued. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { listHetzner, listRecords, type CloudAccess } from "../cloud/inventory.ts";
import { listCells } from "../db/cells.ts";
import {
  beginScan,
  closeFindings,
  countRepairs,
  endScan,
  listFindings,
  listScanned,
  markRepairs,
  upsertFindings,
  type NewFinding,
  type ScannedInstance,
} from "../db/drift.ts";
import { readStackStates } from "../db/stack-states.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import { compareInstance, findUnknown, gravest, keyOf, type Difference } from "./compare.ts";
import { toExpected, type SeenObject } from "./objects.ts";
import { chooseRepairs, type DriftPolicy } from "./policy.ts";

export type ScanDeps = {
  sql: Sql;
  queue: Queue;
  clock: { now(): Date };
  log: Logger;
  policy: DriftPolicy;
  /** Most repairs that are begun within an hour. */
  repairsPerHour: number;
  accessOf(account: string): CloudAccess;
};

export type ScanResult = {
  requests: number;
  compared: number;
  findings: number;
  repairs: number;
  held: number;
};

/** @throws ClawfleetError when a cloud cannot be read whole: then nothing is concluded, above all no absence. */
export async function scanDrift(deps: ScanDeps): Promise<ScanResult> {
  const { sql, clock } = deps;
  const startedAt = clock.now();
  const id = await beginScan(sql, startedAt);
  const counter = { requests: 0 };
  const end = { id, compared: 0, requests: 0, detail: null };
  try {
    const seen = await readClouds(deps, counter);
    const judged = await judge(deps, seen, startedAt);
    const changed = await upsertFindings(sql, judged.findings, startedAt);
    await closeFindings(sql, { scanAt: startedAt, unjudged: judged.unjudged });
    await previewNew(deps, judged, new Set(changed));
    const { repairs, held } = await repair(deps, judged.instances);
    const { compared } = judged;
    const result = { ...counter, compared, findings: judged.findings.length, repairs, held };
    await endScan(sql, { ...end, ...counter, compared, endedAt: clock.now(), outcome: "complete" });
    return result;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    await endScan(sql, { ...end, ...counter, endedAt: clock.now(), outcome: "failed", detail });
    throw error;
  }
}

type Seen = { account: string; object: SeenObject };

async function readClouds(deps: ScanDeps, counter: { requests: number }): Promise<Map<string, Seen>> {
  const seen = new Map<string, Seen>();
  const keep = (account: string, objects: readonly SeenObject[]) => {
    for (const object of objects) seen.set(keyOf(object), { account, object });
  };
  const cells = (await listCells(deps.sql)).filter(({ ready }) => ready);
  const accounts = new Set(cells.map(({ account }) => account));
  for (const account of accounts) {
    const access = counting(deps.accessOf(account), counter);
    keep(account, await listHetzner(access.hetzner));
    const zones = new Set(cells.filter((cell) => cell.account === account).map(({ zoneId }) => zoneId));
    for (const zone of zones) if (zone !== null) keep(account, await listRecords(access.cloudflare, zone));
  }
  return seen;
}

function counting(access: CloudAccess, counter: { requests: number }): CloudAccess {
  const wrap = (one: CloudAccess["hetzner"]): CloudAccess["hetzner"] => ({
    ...one,
    fetch: (input, init) => {
      counter.requests += 1;
      return one.fetch(input, init);
    },
  });
  return { hetzner: wrap(access.hetzner), cloudflare: wrap(access.cloudflare) };
}

type Judged = {
  findings: NewFinding[];
  /** Ids of instances that were not at rest, before or after. */
  unjudged: string[];
  compared: number;
  instances: Map<string, ScannedInstance>;
};

async function judge(deps: ScanDeps, seen: ReadonlyMap<string, Seen>, startedAt: Date): Promise<Judged> {
  const objects = new Map([...seen].map(([key, { object }]) => [key, object]));
  const differences = new Map<string, Difference[]>();
  const known = new Set<string>();
  const states = new Map<string, ReturnType<typeof compareInstance>>();
  for await (const { stack, resources } of readStackStates(deps.sql)) {
    const expected = resources.flatMap((resource) => toExpected(resource) ?? []);
    for (const object of expected) known.add(keyOf(object));
    states.set(stack, compareInstance(expected, objects));
  }
  // Asked after everything was read: whatever ran meanwhile is not judged this time.
  const instances = new Map((await listScanned(deps.sql, startedAt)).map((one) => [one.id, one]));
  const resting = [...instances.values()].filter((one) => one.resting);
  for (const { id, slug } of resting) differences.set(id, states.get(slug) ?? []);

  const findings: NewFinding[] = [];
  const living = new Set(instances.keys());
  for (const { instanceId, difference } of findUnknown(known, owned(seen), living)) {
    const owner = instanceId === null ? undefined : instances.get(instanceId);
    if (owner && !owner.resting) continue;
    if (owner) differences.get(owner.id)?.push(difference);
    else findings.push(toOrphan(seen, instanceId, difference));
  }
  for (const [id, found] of differences) {
    const owner = instances.get(id);
    if (owner && found.length > 0) findings.push(toFinding(owner, found));
  }
  const unjudged = [...instances.values()].filter((one) => !one.resting).map(({ id }) => id);
  return { findings, unjudged, compared: resting.length, instances };
}

/** Objects that carry the name of an instance of ours; everything else in the account is none of our business. */
function owned(seen: ReadonlyMap<string, Seen>): SeenObject[] {
  return [...seen.values()].flatMap(({ object }) => (object.instanceId === null ? [] : [object]));
}

function toFinding({ id, slug, account }: ScannedInstance, differences: Difference[]): NewFinding {
  return {
    subject: id,
    instanceId: id,
    slug,
    account,
    class: gravest(differences),
    differences,
    monthlyNet: null,
  };
}

function toOrphan(
  seen: ReadonlyMap<string, Seen>,
  instanceId: string | null,
  difference: Difference,
): NewFinding {
  const key = keyOf({ kind: difference.kind, id: difference.objectId });
  const found = seen.get(key);
  return {
    subject: key,
    instanceId,
    slug: null,
    account: found?.account ?? "",
    class: difference.class,
    differences: [difference],
    monthlyNet: found?.object.monthlyNet ?? null,
  };
}

/** What a person is to decide about is shown to them as Pulumi's own diff. */
async function previewNew(deps: ScanDeps, judged: Judged, changed: ReadonlySet<string>): Promise<void> {
  const asked = judged.findings.filter(
    (finding) => changed.has(finding.subject) && deps.policy[finding.class] === "ask",
  );
  const jobs = asked.flatMap(({ subject }) => {
    const instance = judged.instances.get(subject);
    return instance ? [toJob(instance, "preview")] : [];
  });
  for (const { slug, subject, class: kind } of asked)
    deps.log.warn({ alert: "drift", stack: slug ?? undefined, subject, class: kind }, "drift needs a person");
  if (jobs.length > 0) await deps.queue.enqueueConverge(deps.sql, jobs);
}

async function repair(
  deps: ScanDeps,
  instances: ReadonlyMap<string, ScannedInstance>,
): Promise<{ repairs: number; held: number }> {
  const now = deps.clock.now();
  const open = (await listFindings(deps.sql)).filter(({ instanceId }) => instances.has(instanceId ?? ""));
  const begun = await countRepairs(deps.sql, new Date(now.getTime() - 3_600_000));
  const limits = { policy: deps.policy, perHour: deps.repairsPerHour, begun };
  const { repair: chosen, held } = chooseRepairs(open, limits, now);
  if (held > 0) {
    const message = `${held} more drifted instances wait: only ${deps.repairsPerHour} are repaired an hour`;
    deps.log.warn({ alert: "drift_cap", held }, message);
  }
  const jobs = open.flatMap(({ id, instanceId }) => {
    const instance = chosen.includes(id) ? instances.get(instanceId ?? "") : undefined;
    return instance ? [toJob(instance, "converge")] : [];
  });
  if (jobs.length === 0) return { repairs: 0, held };
  await deps.sql.begin(async (tx) => {
    await markRepairs(tx, chosen, now);
    await deps.queue.enqueueConverge(tx, jobs);
  });
  return { repairs: jobs.length, held };
}

function toJob({ id, slug, cell }: ScannedInstance, kind: ConvergeJob["kind"]): ConvergeJob {
  return { stack: slug, instanceId: id, cell, kind, reason: "drift", actor: "drift scan" };
}
