/** The shapes of the operators' API's answers, for its document; a test holds every answer against them. */
import { z } from "zod";
import { cellStatuses } from "../db/cell-status.ts";
import { driftClasses } from "../drift/compare.ts";
import { driftActions } from "../drift/policy.ts";
import { objectKinds } from "../drift/objects.ts";
import { settingKinds } from "../gitops/setting-changes.ts";
import { rungs, verdicts } from "../health/decide.ts";
import { vitalsSchema, warnings } from "../health/vitals.ts";
import { scopes } from "../operators/api-keys.ts";
import { instanceStatuses } from "../web/order-view.ts";

const time = z.string().meta({ format: "date-time" });
const counts = z.record(z.string(), z.number());

const health = z.object({
  verdict: z.enum(verdicts),
  since: time.nullable(),
  probedAt: time,
  detail: z.string().nullable(),
  warnings: z.array(z.enum(warnings)),
  step: z.enum(rungs).nullable(),
  needsPerson: z.boolean(),
  vitals: vitalsSchema.nullable(),
  messages: z.object({ count: z.number(), limit: z.number().nullable() }),
});
export const instance = z.object({
  id: z.string(),
  slug: z.string(),
  plan: z.string(),
  provider: z.string(),
  phase: z.string(),
  status: z.enum(instanceStatuses),
  statusDetail: z.string().nullable(),
  cell: z.string().nullable(),
  serverType: z.string(),
  location: z.string(),
  generation: z.number(),
  observedGeneration: z.number(),
  email: z.string().nullable(),
  url: z.string().nullable(),
  createdAt: time,
  readyAt: time.nullable(),
  health: health.nullable(),
});
/** Why no run changes anything of an instance for now. */
export const leftAlone = z.object({ message: z.string(), remedy: z.string().nullable() });
export const operation = z.object({
  id: z.number(),
  stack: z.string(),
  kind: z.string(),
  reason: z.string(),
  actor: z.string(),
  generation: z.number(),
  worker: z.string(),
  startedAt: time,
  endedAt: time.nullable(),
  outcome: z.string().nullable(),
  changes: counts.nullable(),
  error: z.looseObject({ code: z.string(), message: z.string(), remedy: z.string().optional() }).nullable(),
});
export const event = z.object({ seq: z.number(), at: time, kind: z.string(), message: z.string() });
/** Highest id of an operation before the request: what follows from it has a higher one. */
export const follow = z.object({ after: z.number() });
/** Whether no job about it waits or runs, asked before the rest of the answer: an order without an operation by then has come to its end. */
export const idle = z.boolean();

export const cell = z.object({
  name: z.string(),
  account: z.string(),
  zone: z.string(),
  networkZone: z.string(),
  reach: z.enum(["private", "public"]),
  state: z.enum(["open", "drained", "without file"]),
  status: z.enum(cellStatuses),
  detail: z.string().nullable(),
  members: z.number(),
  capacity: z.number(),
  records: z.number(),
  recordQuota: z.number(),
  room: z.number(),
  drainedBy: z.string().nullable(),
  workers: z.array(z.string()),
});

const difference = z.object({
  class: z.enum(driftClasses),
  kind: z.enum(objectKinds),
  objectId: z.string(),
  name: z.string(),
  property: z.string().optional(),
  expected: z.string().optional(),
  seen: z.string().optional(),
});
const finding = z.object({
  id: z.number(),
  subject: z.string(),
  name: z.string().nullable(),
  account: z.string(),
  class: z.enum(driftClasses),
  action: z.enum(driftActions),
  differences: z.array(difference),
  monthlyNet: z.string().nullable(),
  costUnknown: z.boolean(),
  since: time,
  repairAt: time.nullable(),
  refusal: z.string().nullable(),
  deletion: z.object({ actor: z.string(), at: time, error: z.string().nullable() }).nullable(),
});
const scan = z.object({
  id: z.number(),
  account: z.string(),
  actor: z.string(),
  startedAt: time,
  endedAt: time.nullable(),
  outcome: z.string().nullable(),
  requests: z.number().nullable(),
  compared: z.number().nullable(),
  findings: z.number().nullable(),
  detail: z.string().nullable(),
});
export const drift = z.object({
  findings: z.array(finding),
  total: z.number(),
  previous: z.number().nullable(),
  next: z.number().nullable(),
  scans: z.array(scan),
});

const customerPlan = z.object({
  slug: z.string(),
  why: z.array(z.string()),
  desired: z.string(),
  steps: z.array(z.object({ resource: z.string(), op: z.enum(["create", "update", "replace", "delete"]) })),
  diff: z.string(),
  costBefore: z.number().nullable(),
  costAfter: z.number().nullable(),
  error: z.string().nullable(),
  example: z.string().optional(),
  again: z.literal(true).optional(),
  note: z.string().optional(),
});
const fleetPlan = z.object({
  base: z.string(),
  head: z.string(),
  customers: z.array(customerPlan),
  settings: z.array(
    z.object({
      kind: z.enum(settingKinds),
      name: z.string(),
      what: z.enum(["added", "changed", "removed"]),
      keys: z.array(
        z.object({ key: z.string(), before: z.string().nullable(), after: z.string().nullable() }),
      ),
    }),
  ),
  problems: z.array(z.string()),
});
export const plan = z.discriminatedUnion("complete", [
  z.object({ id: z.number(), complete: z.literal(false), previewed: z.number(), previews: z.number() }),
  z.object({
    id: z.number(),
    complete: z.literal(true),
    hash: z.string(),
    hindrances: z.array(z.string()),
    plan: fleetPlan,
    markdown: z.string(),
  }),
]);
export const git = z.object({
  repository: z.object({ branch: z.string(), applied: z.string().nullable() }).nullable(),
  pushes: z.array(
    z.object({
      commit: z.string(),
      basis: z.string(),
      planId: z.number().nullable(),
      outcome: z.enum(["applied", "refused", "withdrawn"]).nullable(),
      detail: z.string().nullable(),
      acceptedHash: z.string().nullable(),
      acceptedBy: z.string().nullable(),
      decidedAt: time.nullable(),
    }),
  ),
});
export const apiKey = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(scopes)),
  createdAt: time,
  createdBy: z.string(),
  expiresAt: time.nullable(),
  revokedAt: time.nullable(),
  lastUsedAt: time.nullable(),
});
export const auditEntry = z.object({
  id: z.number(),
  at: time,
  actor: z.string(),
  keyId: z.string().nullable(),
  method: z.string(),
  route: z.string(),
  path: z.string(),
  status: z.number(),
  requestId: z.string(),
});
export const doctorFinding = z.object({
  check: z.string(),
  well: z.boolean(),
  detail: z.string(),
  remedy: z.string().nullable(),
});
export const lock = z.object({
  pid: z.number(),
  username: z.string(),
  hostname: z.string(),
  takenAt: time,
});
export const pause = z.object({ scope: z.string(), actor: z.string(), since: time });
export const halt = z.object({ by: z.string(), reason: z.string().nullable(), since: time });
export const historyEntry = z.object({
  at: time,
  kind: z.enum(["status", "wanted", "reached"]),
  value: z.string(),
  detail: z.string().nullable(),
  subscription: z.string(),
});

/** By currency, in cents. */
const amounts = z.record(z.string(), z.number());
const sums = z.object({
  paying: z.number(),
  trial: z.number(),
  late: z.number(),
  once: z.number(),
  given: z.number(),
  grace: z.number(),
  servers: z.number(),
  revenue: amounts,
  cost: amounts,
  margin: amounts,
});
export const money = z.object({
  plans: z.array(z.object({ plan: z.string(), ...sums.shape })),
  total: sums,
  snapshots: z.object({ count: z.number(), cost: amounts }),
  unpaid: z.array(z.object({ account: z.string(), id: z.number(), name: z.string(), why: z.string() })),
  withoutRevenue: z.array(
    z.object({ slug: z.string(), plan: z.string(), why: z.string(), since: time, cost: amounts }),
  ),
  missingRates: z.array(z.string()),
  readAt: z.record(z.string(), time),
  unknown: z.array(z.string()),
});
export const failure = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    requestId: z.string(),
    remedy: z.string().optional(),
  }),
});
