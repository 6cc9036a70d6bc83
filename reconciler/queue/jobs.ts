/** What may be queued, and how urgent it is. Pure. */
import type { Queue } from "pg-boss";
import { z } from "zod";
import { rungs } from "../health/decide.ts";
import { troubles } from "../health/vitals.ts";

/** Higher first. Within one priority the oldest first. */
export const priorities = {
  paid: 100,
  cancel: 80,
  heal: 70,
  operator: 60,
  "pull-request": 50,
  drift: 40,
  resync: 20,
  spare: 10,
} as const;
export type Reason = keyof typeof priorities;
export const reasonSchema = z.enum([
  "paid",
  "cancel",
  "heal",
  "operator",
  "pull-request",
  "drift",
  "resync",
  "spare",
] satisfies Reason[]);

/** The more urgent one: work that is not done yet stays as urgent as it was. */
export function moreUrgent(a: Reason, b: Reason | null): Reason {
  return b !== null && priorities[b] > priorities[a] ? b : a;
}

const convergeSchema = z.object({
  /** Slug, or `cell.<name>`. */
  stack: z.string(),
  /** Absent for a cell. */
  instanceId: z.string().optional(),
  /** Whose workers may take it. */
  cell: z.string(),
  kind: z.enum(["converge", "preview", "heal"]),
  /** Of `heal`, with Hetzner's id of the server that is ill. */
  heal: z
    .union([
      /** By an operator, whatever the readings say. */
      z.object({ asked: z.literal(true), step: z.enum(rungs), server: z.string() }),
      /** Which attempt it is, and with what it is ill. */
      z.object({ step: z.enum(rungs), attempt: z.number(), server: z.string(), trouble: z.enum(troubles) }),
    ])
    .optional(),
  reason: reasonSchema,
  /** The first of `demanding` among the orders that waited together: what it wants of the run, it still gets. */
  also: reasonSchema.optional(),
  actor: z.string(),
  operationId: z.number().optional(),
  /** With `preview`: of what this plan proposes, and for it. */
  planId: z.number().optional(),
});
export type ConvergeJob = z.infer<typeof convergeSchema>;

export type Heal = NonNullable<ConvergeJob["heal"]>;

/** Reasons that want more of a run than what the row says, the one that wants most first: a pull request has moved its row. */
export const demanding: readonly Reason[] = ["drift", "pull-request", "operator"];

/** What the run of an order is to do, however urgent it has become. */
export function demandOf({ reason, also = reason }: Pick<ConvergeJob, "reason" | "also">) {
  return {
    /** Somebody wants to see it done, or suspects that the state is wrong. */
    always: also === "drift" || also === "operator",
    /** The clouds are read anew first. What was reviewed was seen that way, and so it is applied. */
    refresh: also === "drift" || also === "pull-request",
  };
}

const hintSchema = z.object({
  provider: z.string(),
  eventId: z.string(),
  /** Null when the event named only an object: the customer is asked from that. */
  customerId: z.string().nullable(),
  objectId: z.string().nullable(),
});
export type HintJob = z.infer<typeof hintSchema>;

const sweepSchema = z.object({ actor: z.string() });
export type SweepJob = z.infer<typeof sweepSchema>;

const driftSchema = z.discriminatedUnion("kind", [
  /** What the account's tokens may do, for `fleet doctor`. */
  z.object({ kind: z.literal("examine"), account: z.string(), actor: z.string() }),
  z.object({ kind: z.literal("scan"), account: z.string(), actor: z.string() }),
  z.object({
    kind: z.literal("delete"),
    account: z.string(),
    actor: z.string(),
    findingId: z.number(),
    /** `<kind>:<id>`. */
    object: z.string(),
  }),
]);
export type DriftJob = z.infer<typeof driftSchema>;

const gitopsSchema = z.discriminatedUnion("kind", [
  /** The branch and every open pull request. */
  z.object({ kind: z.literal("sync") }),
  z.object({ kind: z.literal("pull-request"), number: z.number() }),
  z.object({ kind: z.literal("plan"), planId: z.number() }),
]);
export type GitopsJob = z.infer<typeof gitopsSchema>;

type JobTypes = {
  gitops: GitopsJob;
  converge: ConvergeJob;
  "billing-hint": HintJob;
  sweep: SweepJob;
  drift: DriftJob;
};
export type QueueName = keyof JobTypes;
export type JobData<Name extends QueueName> = JobTypes[Name];
export const jobSchemas: { readonly [Name in QueueName]: z.ZodType<JobTypes[Name]> } = {
  converge: convergeSchema,
  "billing-hint": hintSchema,
  sweep: sweepSchema,
  drift: driftSchema,
  gitops: gitopsSchema,
};
export const queueNames: readonly QueueName[] = ["converge", "billing-hint", "sweep", "drift", "gitops"];

/**
 * `short` keeps at most one waiting job of a key; at most one running is held by the fetch (group concurrency 1). The
 * policy `stately` would hold both, but pg-boss 12.34 then passes over every key that was running when it last took
 * stock, up to two minutes ago, and one busy key at the head of the queue makes every fetch come back empty.
 */
const common: Omit<Queue, "name"> = {
  policy: "short",
  retryLimit: 1000,
  retryDelay: 1,
  deleteAfterSeconds: 24 * 3600,
  expireInSeconds: 6 * 3600,
};

/** Seconds at most between two tries. */
const backoff = { retryBackoff: true, retryDelayMax: 300 } as const;

export const queueOptions: Record<QueueName, Omit<Queue, "name">> = {
  // Failures wait in the instance's row. A wait here would be that of a job whose worker died, longer with every worker that did.
  converge: { ...common, retryBackoff: false },
  "billing-hint": { ...common, ...backoff, expireInSeconds: 600 },
  sweep: { ...common, ...backoff, retryLimit: 3, expireInSeconds: 3600 },
  // The next scan is the next try; what a scan needs may be missing for long.
  drift: { ...common, ...backoff, retryLimit: 2, expireInSeconds: 3600 },
  gitops: { ...common, ...backoff, retryLimit: 5, expireInSeconds: 3600 },
};

export type QueuedJob = { key: string; group: { id: string; tier?: string }; priority: number; data: object };

/** One waiting converge a stack; a preview or a step of healing waits beside it, and none runs while another does. */
export function toConvergeJob(job: ConvergeJob): QueuedJob {
  const id = job.instanceId ?? job.stack;
  return {
    key:
      job.planId === undefined
        ? job.kind === "converge"
          ? id
          : `${id}#${job.kind}`
        : `${id}#plan-${job.planId}`,
    group: { id, tier: job.cell },
    priority: priorities[job.reason],
    data: job,
  };
}

/** Hints of one customer are one reading, however many events asked for it. */
export function toHintJob(job: HintJob): QueuedJob {
  const id = `${job.provider}:${job.customerId ?? `event:${job.eventId}`}`;
  return { key: id, group: { id }, priority: priorities.paid, data: job };
}

/** One of an account at a time; a scan that waits is that scan. */
export function toDriftQueueJob(job: DriftJob): QueuedJob {
  const key = job.kind === "delete" ? `delete:${job.object}` : `${job.kind}:${job.account}`;
  return { key, group: { id: `drift:${job.account}`, tier: job.account }, priority: 0, data: job };
}

/** One after the other: each moves what the next one looks at. */
export function toGitopsQueueJob(job: GitopsJob): QueuedJob {
  const about = job.kind === "sync" ? "" : job.kind === "plan" ? job.planId : job.number;
  return { key: `${job.kind}:${about}`, group: { id: "gitops" }, priority: 0, data: job };
}
