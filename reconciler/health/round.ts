/** One lot of readings: all at once, decided, written, and what follows is queued. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { instanceOutputsSchema } from "../../infra/outputs.ts";
import { putOff, recordReadings, type DueProbe, type HealthRecord } from "../db/health.ts";
import { beginOutage, endOutage } from "../db/outages.ts";
import type { AlertKind, RaiseAlert } from "../messages/alerts.ts";
import type { Queue } from "../queue/queue.ts";
import { updateBrakes } from "./brakes.ts";
import { decideHealth, type HealthContext, type HealthDecision, type HealthEvent } from "./decide.ts";
import type { RunOnMachine } from "./machine-ssh.ts";
import { locate, probe } from "./probe.ts";
import type { Reading, Warning } from "./vitals.ts";

export type RoundDeps = {
  sql: Sql;
  queue: Queue;
  clock: { now(): Date };
  log: Logger;
  masterKey: string;
  /** Between two readings of one instance. */
  intervalMs: number;
  run: RunOnMachine;
  onAlert: RaiseAlert;
  onReading?: (kind: Reading["kind"], seconds: number) => void;
};

const warningAlerts: Record<Warning, AlertKind> = {
  disk: "disk_filling",
  memory: "memory_short",
  load: "overloaded",
};

type Read = { due: DueProbe; reading: Reading };

export async function readLot(deps: RoundDeps, lot: readonly DueProbe[], signal: AbortSignal): Promise<void> {
  const idle = lot.filter(({ settled }) => !settled).map(({ id }) => id);
  await putOff(deps.sql, idle, deps.intervalMs);
  const read = await Promise.all(
    lot.filter(({ settled }) => settled).map((due) => readOne(deps, due, signal)),
  );
  // What was cut off by our own stop says nothing about a machine.
  if (signal.aborted) return;
  await settle(
    deps,
    read.filter((one) => one !== undefined),
  );
}

async function readOne(deps: RoundDeps, due: DueProbe, signal: AbortSignal): Promise<Read | undefined> {
  const started = performance.now();
  try {
    const address = locate(deps.masterKey, due);
    if (!address) return undefined;
    const reading = await probe(deps.run, address, signal);
    deps.onReading?.(reading.kind, (performance.now() - started) / 1000);
    return { due, reading };
  } catch (error) {
    deps.log.error({ err: error, stack: due.slug }, "cannot be read: its row is not usable");
    return undefined;
  }
}

/**
 * Every reading is written before anybody is helped, so that the brakes count those of this lot too. A step and the row that
 * says that it was taken are one transaction.
 */
async function settle(deps: RoundDeps, read: readonly Read[]): Promise<void> {
  const decide = ({ due, reading }: Read, healing: HealthContext["healing"]) =>
    decideHealth(due, reading, { healing: due.hold ? "held" : healing, mayRebuild: due.mayRebuild });
  const when = { now: deps.clock.now(), intervalMs: deps.intervalMs };
  const wishes = read.filter((one) => wantsMore(decide(one, "allowed")));
  const cautious = read.map((one) => ({ ...one, decision: decide(one, "braked") }));
  await recordReadings(deps.sql, cautious.map(toRecord), when);
  for (const { due, decision } of cautious) {
    announce(deps, due, decision.events);
    await keepOutages(deps, due, decision.events);
  }
  if (wishes.length === 0) return;

  const brakes = await updateBrakes(deps);
  for (const one of wishes.filter(({ due }) => !brakes.holds(due.cell))) {
    const decision = decide(one, "allowed");
    await deps.sql.begin(async (tx) => {
      await recordReadings(tx, [toRecord({ ...one, decision })], when);
      if (decision.step === null) return;
      const { id, slug, cell, rung } = one.due;
      const { serverId } = instanceOutputsSchema.parse(one.due.outputs);
      const heal = { step: decision.step, before: rung, server: serverId };
      const why = { reason: "heal", actor: `health: ${describe(one.reading)}` } as const;
      await deps.queue.enqueueConverge(tx, { stack: slug, instanceId: id, cell, kind: "heal", heal, ...why });
    });
    announce(
      deps,
      one.due,
      decision.events.filter(({ kind }) => kind === "exhausted"),
    );
  }
}

/** Whatever the reason: no clock of a customer's runs while their assistant does not answer. */
async function keepOutages(
  { sql, clock }: RoundDeps,
  { id: instanceId }: DueProbe,
  events: readonly HealthEvent[],
): Promise<void> {
  for (const event of events) {
    const now = clock.now();
    if (event.kind === "ill")
      await beginOutage(sql, { instanceId, cause: `ill: ${event.detail}`, from: now });
    if (event.kind === "well") await endOutage(sql, instanceId, now);
  }
}

const wantsMore = ({ step, events }: HealthDecision) =>
  step !== null || events.some(({ kind }) => kind === "exhausted");

function toRecord({ due, reading, decision }: Read & { decision: HealthDecision }): HealthRecord {
  return {
    ...decision.health,
    id: due.id,
    detail: reading.kind === "ill" ? describe(reading) : null,
    vitals: reading.vitals ?? null,
    stepped: decision.step !== null,
  };
}

function describe(reading: Reading): string {
  return reading.kind === "ill" ? `${reading.trouble}: ${reading.detail}` : reading.kind;
}

function announce(deps: RoundDeps, { slug }: DueProbe, events: readonly HealthEvent[]): void {
  for (const event of events) {
    switch (event.kind) {
      case "ill":
        deps.onAlert({ kind: "unhealthy", about: slug, message: `${slug} is ill: ${event.detail}` });
        break;
      case "exhausted":
        deps.onAlert({
          kind: "healing_exhausted",
          about: slug,
          message: `${slug} needs a person, nothing that may be done has helped: ${event.detail}`,
        });
        break;
      case "warning":
        deps.onAlert({
          kind: warningAlerts[event.warning],
          about: slug,
          message: `${slug}: ${event.detail}`,
        });
        break;
      case "well":
        deps.log.info({ stack: slug, alert: "unhealthy", over: true }, "is well again");
    }
  }
}
