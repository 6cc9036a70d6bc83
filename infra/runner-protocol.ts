/** What a worker and its runner say to each other over Node's IPC channel. Types and schemas only. */
import { z } from "zod";
import { locationSchema, overrideSchema } from "./config.ts";
import { planSchema } from "./plans.ts";

/** `inspect` answers with the stack's state and changes nothing; `recover` repairs that state (stack-recovery.ts). */
export const runKinds = ["up", "destroy", "preview", "refresh", "inspect", "recover"] as const;
export type RunKind = (typeof runKinds)[number];

/** One object that the state does not know, as `pulumi import` takes it. */
export const adoptionSchema = z.object({
  type: z.string(),
  /** Logical name. */
  name: z.string(),
  /** As the provider's import takes it; of a DNS record `<zone>/<record>`. */
  id: z.string(),
  parentUrn: z.string(),
  providerUrn: z.string(),
});
export type Adoption = z.infer<typeof adoptionSchema>;

export const recoverySchema = z.object({
  /** Removes every lock of the stack: only when all of their owners are known to be dead. */
  cancel: z.boolean(),
  /** Drops the pending creates, and reads every resource anew from its cloud. */
  clear: z.boolean(),
  adopt: z.array(adoptionSchema),
});
export type Recovery = z.infer<typeof recoverySchema>;

const stateResourceSchema = z.object({
  urn: z.string(),
  type: z.string(),
  id: z.string().optional(),
  /** Replaced already and waiting to be deleted. */
  delete: z.boolean().default(false),
});

/** What recovery has to know of a stack's state, in the engine's own spelling; no inputs, no outputs, no secrets. */
export const stackStateSchema = z.object({
  resources: z
    .array(stateResourceSchema)
    .nullish()
    .transform((value) => value ?? []),
  pending_operations: z
    .array(z.object({ type: z.string(), resource: z.object({ urn: z.string(), type: z.string() }) }))
    .nullish()
    .transform((value) => value ?? []),
});
export type StackState = z.output<typeof stackStateSchema>;

/** In place of what an instance's row says, for a preview of what nobody has decided yet. */
export const proposalSchema = z.object({
  phase: z.enum(["running", "suspended"]),
  plan: planSchema,
  override: overrideSchema,
  placement: z.object({ serverType: z.string(), location: locationSchema }),
});
export type ProposedInputs = z.output<typeof proposalSchema>;

/** Worker to runner. One at a time; everything else is in the runner's environment. */
export const runRequestSchema = z.object({
  type: z.literal("run"),
  id: z.string(),
  kind: z.enum(runKinds),
  stack: z.string(),
  /** Kept by Pulumi in the stack's history. */
  message: z.string(),
  /** Asks the clouds for the present state of every resource first. `destroy` always does. */
  refresh: z.boolean().default(false),
  /** URNs that `up` makes anew although nothing about them has changed. */
  replace: z.array(z.string()).default([]),
  /** Needed by `recover`. */
  recovery: recoverySchema.optional(),
  /** With `preview` only. */
  proposal: proposalSchema.optional(),
  /** Of the engine and its plugins in this run alone, such as the clouds' addresses: no part of the state. */
  environment: z.record(z.string(), z.string()).default({}),
});
export type RunRequest = z.input<typeof runRequestSchema>;

/**
 * Worker to runner, while a run is under way. A runner that hears nothing for `silenceMs` ends its run and itself: its worker
 * is frozen, and cannot know whether the claim on the stack is still its own. Shorter than the margin of every claim.
 */
export const aliveMessage = { type: "alive" } as const;
export const aliveEveryMs = 1_000;
export const silenceMs = 8_000;

/** Runner to worker. `event` is an engine event as Pulumi's Automation API gives it, secrets masked by the engine. */
export const runnerMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("event"), id: z.string(), event: z.unknown() }),
  /** The runner has started this process: the CLI, which takes the stack's lock under this number. */
  z.object({ type: z.literal("process"), id: z.string(), pid: z.number(), startedAt: z.coerce.date() }),
  z.object({
    type: z.literal("done"),
    id: z.string(),
    outputs: z.record(z.string(), z.unknown()),
    changes: z.record(z.string(), z.number()),
    /** Generation of the row that the program ran on. */
    generation: z.number(),
    /** A preview's diff as a person reads it. */
    diff: z.string().optional(),
  }),
  z.object({
    type: z.literal("failed"),
    id: z.string(),
    /** The error's class, e.g. CommandError, ConcurrentUpdateError, InputsError. */
    name: z.string(),
    message: z.string(),
    /** Error diagnostics of the engine, oldest first. */
    diagnostics: z.array(z.string()),
    changes: z.record(z.string(), z.number()),
  }),
]);
export type RunnerMessage = z.output<typeof runnerMessageSchema>;
export type RunnerWords = z.input<typeof runnerMessageSchema>;
