/** One lot of readings: all at once, decided, written, and what follows is queued. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { instanceOutputsSchema } from "../../infra/outputs.ts";
import { listBrakes, putOff, recordReadings, type DueProbe, type HealthRecord } from "../db/health.ts";
import type { DayCount } from "../db/message-counts.ts";
import { beginOutage, endOutage } from "../db/outages.ts";
import type { AlertKind, RaiseAlert } from "../messages/alerts.ts";
import type { Queue } from "../queue/queue.ts";
import { updateBrakes } from "./brakes.ts";
import { decideHealth, type HealthDecision, type HealthEvent, type Rung } from "./decide.ts";
import type { RunOnMachine } from "./machine-ssh.ts";
import { countMessages } from "./message-limits.ts";
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
  const known = read.filter((one) => one !== undefined);
  await settle(deps, known);
  await countMessages(deps, known.flatMap(toDayCounts));
}

function toDayCounts({ due, reading }: Read): DayCount[] {
  return (reading.vitals?.messages ?? []).map((day) => ({ ...day, instanceId: due.id }));
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

/** Every reading is written before anybody is helped, so that the brakes count those of this lot too. */
async function settle(deps: RoundDeps, read: readonly Read[]): Promise<void> {
  const when = { now: deps.clock.now(), intervalMs: deps.intervalMs };
  const decide = ({ due, reading }: Read, hindered: boolean, reached: boolean) =>
    decideHealth(due, reading, {
      healing: due.hold ? "held" : due.healing ? "under-way" : hindered ? "braked" : "allowed",
      mayRebuild: due.mayRebuild && (reached || !isLost(reading)),
      now: when.now,
    });
  const cautious = read.map((one) => ({ ...one, decision: decide(one, true, true) }));
  const written = await recordReadings(deps.sql, cautious.map(toRecord), when);
  const counted = cautious.filter(({ due }) => written.has(due.id));
  for (const { due, decision } of counted) {
    announce(deps, due, decision.events);
    await keepOutages(deps, due, decision.events);
  }
  const wishes = counted.filter((one) => wantsMore(decide(one, false, true)));
  // Those who are braked have to hear that it let go, whether anybody is ill or not.
  if (wishes.length === 0 && (await listBrakes(deps.sql)).length === 0) return;

  const brakes = await updateBrakes(deps);
  for (const one of wishes.filter(({ due }) => !brakes.holds(due.cell))) {
    const decision = decide(one, false, brakes.reaches(one.due.cell));
    if (decision.step !== null) await ask(deps, one.due, decision.step, decision.reading);
    if (!decision.events.some(isExhausted)) continue;
    await recordReadings(deps.sql, [toRecord({ ...one, decision })], when);
    announce(deps, one.due, decision.events.filter(isExhausted));
  }
}

/** That it was taken is written by whoever takes it; until then nothing more is asked for. */
async function ask(deps: RoundDeps, due: DueProbe, step: Rung, reading: Reading): Promise<void> {
  if (reading.kind !== "ill") return;
  const { id, slug, cell, attempt } = due;
  const { serverId: server } = instanceOutputsSchema.parse(due.outputs);
  const heal = { step, attempt, server, trouble: reading.trouble };
  const why = { reason: "heal", actor: `health: ${describe(reading)}` } as const;
  await deps.sql.begin((tx) =>
    deps.queue.enqueueConverge(tx, { stack: slug, instanceId: id, cell, kind: "heal", heal, ...why }),
  );
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

const isExhausted = ({ kind }: HealthEvent) => kind === "exhausted";
const wantsMore = ({ step, events }: HealthDecision) => step !== null || events.some(isExhausted);
const isLost = (reading: Reading) => reading.kind === "ill" && reading.trouble === "unreachable";

function toRecord({ due, decision }: Read & { decision: HealthDecision }): HealthRecord {
  const { reading } = decision;
  return {
    ...decision.health,
    id: due.id,
    attempt: due.attempt,
    trouble: reading.kind === "ill" ? reading.trouble : null,
    detail: reading.kind === "ill" ? describe(reading) : null,
    vitals: reading.vitals ?? null,
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
