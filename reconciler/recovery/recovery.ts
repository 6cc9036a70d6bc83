/** Before a run: what the last one left behind, locks and unsaved objects, is put in order. Costs a healthy stack two readings. */
import type { Sql } from "postgres";
import {
  stackStateSchema,
  type Adoption,
  type Recovery,
  type RunKind,
  type StackState,
} from "../../infra/runner-protocol.ts";
import { classifyFailure, type Failure } from "../converge/failure.ts";
import type { RunInput, RunOutcome } from "../engine/runner.ts";
import { findObjects, removeObject, type Clouds, type StackIdentity } from "./find-objects.ts";
import { createMadeByUs, findUrn, planAdoption, type CloudObject, type Plan } from "./objects.ts";
import { sortPending } from "./pending.ts";
import { adoptRemedy, describeHeld, foreignRemedy, pendingRemedy, unlockRemedy } from "./remedies.ts";
import { findIdentity, listRuns, type RunRow } from "./rows.ts";
import type { StateStore } from "./state-store.ts";
import { unlock } from "./unlock.ts";

export type RecoveryDeps = {
  sql: Sql;
  /** Undefined for a backend that is not PostgreSQL. */
  store: StateStore | undefined;
  hostname: string;
  clock: { now(): Date };
  cloudsOf(account: string): Clouds;
};

export type RecoveryInput = {
  /** Of the run that follows. */
  operationId: number;
  kind: RunKind;
  stack: string;
  instanceId: string | null;
  /** Runs the engine under the same claim, deadline and signal as the run that follows. */
  run(input: Pick<RunInput, "kind" | "recovery">): Promise<RunOutcome>;
  /** For the operation's record. */
  note: (message: string) => void;
};

export type Recovered =
  /** `refresh`: what the state says may be old. */
  | { kind: "ready"; refresh: boolean }
  | { kind: "blocked"; failure: Failure }
  | { kind: "interrupted"; why: string };

export type Recover = (input: RecoveryInput) => Promise<Recovered>;

/** Longer than any run of ours may take; a person's laptop that sleeps over its lock is longer. */
const lockPatienceMs = 60 * 60_000;
/** Repairs of one state that failed in a row, before a person is asked. */
const maxRepairs = 3;
const repairFailed = "recovery_failed";
const ready: Recovered = { kind: "ready", refresh: false };

/** @throws ClawfleetError cloud_unavailable when a cloud cannot be asked with certainty: nothing is taken for absent then. */
export function createRecovery(deps: RecoveryDeps): Recover {
  return async (input) => {
    // A preview takes no lock and saves nothing.
    if (input.kind === "preview") return ready;
    const runs = await listRuns(deps.sql, input.stack, input.operationId);
    const [last] = runs;
    const free = await unlock({ ...deps, note: input.note }, input.stack, runs, last?.errorMessage ?? "");
    if (free.kind === "held") return held(deps, input.stack, free.locks);
    if (free.cancel) {
      const outcome = await input.run({
        kind: "recover",
        recovery: { cancel: true, clear: false, adopt: [] },
      });
      if (outcome.kind !== "done") return toBlocked(input.stack, outcome, runs, []);
    }
    if (!last || endedWell(last)) return ready;
    // Reads everything anew by itself, and what no state knows is removed after it by label.
    if (input.kind === "destroy") return ready;
    return await repair(deps, input, runs, last);
  };
}

function endedWell(run: RunRow): boolean {
  return run.outcome === "succeeded" || run.outcome === "unchanged";
}

function held(deps: RecoveryDeps, stack: string, locks: Parameters<typeof describeHeld>[1]): Recovered {
  const oldest = Math.min(...locks.map((lock) => lock.takenAt.getTime()));
  const tooLong = deps.clock.now().getTime() - oldest > lockPatienceMs;
  return {
    kind: "blocked",
    failure: {
      code: "conflict",
      message: `${describeHeld(stack, locks)}${tooLong ? ", for too long" : "; it waits until that run ends"}`,
      remedy: unlockRemedy(stack, locks),
      retry: { kind: tooLong ? "permanent" : "retryable" },
      tryElsewhere: false,
    },
  };
}

async function repair(
  deps: RecoveryDeps,
  input: RecoveryInput,
  runs: readonly RunRow[],
  last: RunRow,
): Promise<Recovered> {
  const identity = await findIdentity(deps.sql, input.stack, input.instanceId);
  if (!identity) return ready;
  const state = await readState(deps, input);
  if (!state) return { kind: "interrupted", why: "the state could not be read" };
  const pending = sortPending(state);
  if (pending.unknown.length > 0) return parkedPending(input.stack, pending.unknown);

  const clouds = deps.cloudsOf(identity.account);
  const objects = await findObjects(clouds, identity.stack);
  const plan = planAdoption(state, objects, createMadeByUs(runs));
  if (plan.foreign.length > 0) return parkedForeign(input.stack, plan.foreign);
  await removeExtras(clouds, identity.stack, plan, input.note);

  const adopt = toAdoptions(state, plan.adopt, input.note);
  const clear = pending.creates.length > 0 || plan.stale;
  for (const urn of pending.creates) input.note(`pending create of ${urn} is resolved`);
  if (clear || adopt.length > 0) {
    const recovery: Recovery = { cancel: false, clear, adopt };
    const outcome = await input.run({ kind: "recover", recovery });
    if (outcome.kind !== "done") return toBlocked(input.stack, outcome, runs, adopt);
    for (const { type, name, id } of adopt) input.note(`adopted into the state: ${type} ${name} ${id}`);
  }
  return { kind: "ready", refresh: !clear && (last.outcome !== "failed" || pending.others.length > 0) };
}

async function readState(deps: RecoveryDeps, input: RecoveryInput): Promise<StackState | undefined> {
  if (deps.store) return await deps.store.readState(input.stack);
  const outcome = await input.run({ kind: "inspect" });
  return outcome.kind === "done" ? stackStateSchema.parse(outcome.outputs["state"]) : undefined;
}

async function removeExtras(
  clouds: Clouds,
  stack: StackIdentity,
  plan: Plan,
  note: (message: string) => void,
): Promise<void> {
  for (const extra of plan.leave)
    note(`${extra.what} is ours by its label, in no state, and nobody's run made it: left alone`);
  for (const extra of plan.remove) {
    note(`${extra.what} is a second one that a run of ours left: removed`);
    await removeObject(clouds, stack, extra);
  }
}

/** Without parent and provider in the state nothing can be put under them; the next run makes both, and fails on the name. */
function toAdoptions(
  state: StackState,
  objects: readonly CloudObject[],
  note: (message: string) => void,
): Adoption[] {
  return objects.flatMap(({ type, logicalName, importId, what }) => {
    const parentUrn =
      findUrn(state, "clawfleet:index:AssistantInstance", "assistant") ??
      findUrn(state, "clawfleet:index:Cell", "cell");
    const provider = type.slice(0, type.indexOf(":"));
    const providerUrn = findUrn(state, `pulumi:providers:${provider}`, provider);
    if (parentUrn !== undefined && providerUrn !== undefined)
      return [{ type, name: logicalName, id: importId, parentUrn, providerUrn }];
    note(`${what} is ours; it is adopted once the state knows its provider`);
    return [];
  });
}

function toBlocked(
  stack: string,
  outcome: Exclude<RunOutcome, { kind: "done" }>,
  runs: readonly RunRow[],
  adopt: readonly Adoption[],
): Recovered {
  if (outcome.kind === "interrupted") return { kind: "interrupted", why: outcome.why };
  const cause = classifyFailure([...outcome.diagnostics, `${outcome.name}: ${outcome.message}`]);
  // An outage is not the state's fault, and is waited for as usual.
  if (cause.retry.kind === "blocked") return { kind: "blocked", failure: cause };
  const otherwise = runs.findIndex((run) => run.errorCode !== repairFailed);
  const failedBefore = otherwise === -1 ? runs.length : otherwise;
  const giveUp = failedBefore + 1 >= maxRepairs;
  return {
    kind: "blocked",
    failure: {
      code: repairFailed,
      message: `the state of ${stack} could not be repaired: ${cause.message}`,
      remedy: adoptRemedy(stack, adopt),
      retry: { kind: giveUp ? "permanent" : "retryable" },
      tryElsewhere: false,
    },
  };
}

function parkedForeign(stack: string, foreign: readonly CloudObject[]): Recovered {
  const names = foreign.map((object) => object.what).join(", ");
  return parked(
    foreign.every((object) => object.type.startsWith("cloudflare:")) ? "dns_conflict" : "conflict",
    `${stack}: ${names} has the name that ours needs, and does not carry its label`,
    foreignRemedy(stack, foreign),
  );
}

function parkedPending(stack: string, urns: readonly string[]): Recovered {
  const message = `${stack}: a run died while it made ${urns.join(", ")}, and no cloud can be asked whether it exists`;
  return parked("conflict", message, pendingRemedy(stack, urns));
}

function parked(code: Failure["code"], message: string, remedy: string): Recovered {
  return {
    kind: "blocked",
    failure: { code, message, remedy, retry: { kind: "permanent" }, tryElsewhere: false },
  };
}
