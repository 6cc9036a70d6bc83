/** One scan of an account: bulk lists held against the states, findings kept up to date, repairs queued. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import type { RaiseAlert } from "../messages/alerts.ts";
import type { CloudAccess } from "../cloud/inventory.ts";
import {
  beginScan,
  closeFindings,
  countRepairs,
  endScan,
  listFindings,
  listScanned,
  markRepairs,
  upsertFindings,
  type ScannedStack,
} from "../db/drift.ts";
import { listInventories } from "../db/inventories.ts";
import { ClawfleetError, messageOf } from "../errors.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import type { StateStore } from "../recovery/state-store.ts";
import { readExpected } from "./expected.ts";
import { readInventory } from "./inventory.ts";
import { isAbsence } from "./compare.ts";
import { judge } from "./judge.ts";
import { chooseRepairs, scanActor, type DriftPolicy } from "./policy.ts";
import { describeUnjudged, leaveUnreadable } from "./unjudged.ts";

export type ScanDeps = {
  sql: Sql;
  queue: Queue;
  clock: { now(): Date };
  log: Logger;
  onAlert: RaiseAlert;
  /** Undefined where the states are in no PostgreSQL: then nothing can be compared. */
  store: Pick<StateStore, "listVersions" | "readResources"> | undefined;
  policy: DriftPolicy;
  /** Most repairs that are begun within an hour, of all accounts. */
  repairsPerHour: number;
  accessOf(account: string): CloudAccess;
};

export type ScanInput = { account: string; actor: string };

export type ScanResult = {
  requests: number;
  compared: number;
  findings: number;
  repairs: number;
  held: number;
};

/** @throws ClawfleetError when a cloud cannot be read whole: then nothing is concluded, above all no absence. */
export async function scanDrift(deps: ScanDeps, { account, actor }: ScanInput): Promise<ScanResult> {
  const { sql } = deps;
  const { id, startedAt } = await beginScan(sql, { account, actor });
  let requests = 0;
  try {
    const { seen, ...read } = await readInventory(sql, account, deps.accessOf(account));
    requests = read.requests;
    const look = async (nowSeen: typeof seen) => {
      const { objects: expected, unreadable } = await readExpected(sql, requireStore(deps));
      // Asked after everything was read: whatever ran meanwhile is not judged this time.
      const stacks = leaveUnreadable(await listScanned(sql, startedAt), unreadable);
      const prices = (await listInventories(sql)).find((one) => one.account === account)?.prices;
      const detail = describeUnjudged(account, stacks, unreadable);
      return {
        stacks,
        detail,
        ...judge({ account, stacks, expected, seen: nowSeen, policy: deps.policy, prices }),
      };
    };
    let looked = await look(seen);
    if (looked.findings.some(({ differences }) => differences.some(isAbsence))) {
      // A list by pages misses whoever moved up while it was read: absent is what two lists do not have.
      const again = await readInventory(sql, account, deps.accessOf(account));
      requests += again.requests;
      looked = await look(new Map([...seen, ...again.seen]));
    }
    const { stacks, detail, findings, unjudged, compared } = looked;
    const changed = await upsertFindings(sql, findings, startedAt);
    await closeFindings(sql, { account, scanAt: startedAt, unjudged });
    const byId = new Map(stacks.map((stack) => [stack.id, stack]));
    await previewNew(deps, changed, byId);
    const { repairs, held } = await repair(deps, byId);
    const result = { requests, compared, findings: findings.length };
    await endScan(sql, { id, ...result, outcome: "complete", detail });
    if (detail !== null) deps.log.warn({ account, detail }, "a drift scan did not judge everything");
    deps.log.info({ account, ...result, repairs, held }, "drift scan");
    return { ...result, repairs, held };
  } catch (error) {
    const detail = messageOf(error);
    const end = { id, requests, compared: 0, findings: 0, detail };
    await endScan(sql, { ...end, outcome: "failed" });
    throw error;
  }
}

function requireStore({ store }: ScanDeps): NonNullable<ScanDeps["store"]> {
  if (store) return store;
  throw new ClawfleetError({
    code: "config_invalid",
    message: "drift cannot be looked for: the states are not in PostgreSQL",
    remedy: "move them there (docs/operations.md, section 2), or set CLAWFLEET_DRIFT_SECONDS=0",
    retry: { kind: "permanent" },
  });
}

/** Of one scan: who has hundreds to decide about looks at the list first. */
const maxPreviews = 20;

/** What a person is to decide about is shown to them as Pulumi's own diff. */
async function previewNew(
  deps: ScanDeps,
  changed: Awaited<ReturnType<typeof upsertFindings>>,
  stacks: ReadonlyMap<string, ScannedStack>,
): Promise<void> {
  const asked = changed.filter(({ action }) => action === "ask");
  for (const { slug, subject, class: kind } of asked)
    deps.log.warn({ stack: slug ?? undefined, subject, class: kind }, "drift needs a person");
  const jobs = asked.slice(0, maxPreviews).flatMap(({ subject }) => {
    const stack = stacks.get(subject);
    // Of who is archived there is nothing that a run would do.
    return stack && !stack.archived ? [toDriftJob(stack, "preview", scanActor)] : [];
  });
  if (jobs.length > 0) await deps.queue.enqueueConverge(deps.sql, jobs);
}

/** One process at a time: the hour's cap is for all accounts together. */
async function repair(
  deps: ScanDeps,
  stacks: ReadonlyMap<string, ScannedStack>,
): Promise<{ repairs: number; held: number }> {
  const now = deps.clock.now();
  const { repairs, held } = await deps.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('clawfleet.drift-repairs'))`;
    const open = (await listFindings(tx)).filter(({ subject }) => stacks.get(subject)?.held === false);
    const begun = await countRepairs(tx, new Date(now.getTime() - 3_600_000));
    const limits = { policy: deps.policy, perHour: deps.repairsPerHour, begun };
    const chosen = chooseRepairs(open, limits, now);
    const jobs = open.flatMap(({ id, subject }) => {
      const stack = chosen.repair.includes(id) ? stacks.get(subject) : undefined;
      return stack ? [toDriftJob(stack, "converge", scanActor)] : [];
    });
    if (jobs.length > 0) {
      await markRepairs(tx, chosen.repair, { actor: scanActor, now });
      await deps.queue.enqueueConverge(tx, jobs);
    }
    return { repairs: jobs.length, held: chosen.held };
  });
  if (held > 0) {
    const message = `${held} more drifted instances wait: only ${deps.repairsPerHour} are repaired an hour`;
    deps.onAlert({ kind: "drift_cap", message });
  }
  return { repairs, held };
}

/** `converge` reads the clouds first and puts right what differs. */
export function toDriftJob(
  { stack, instanceId, cell }: Pick<ScannedStack, "stack" | "instanceId" | "cell">,
  kind: ConvergeJob["kind"],
  actor: string,
): ConvergeJob {
  return { stack, ...(instanceId === null ? {} : { instanceId }), cell, kind, reason: "drift", actor };
}
