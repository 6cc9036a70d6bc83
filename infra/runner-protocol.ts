/** What a worker and its runner say to each other over Node's IPC channel. Types and schemas only. */
import { z } from "zod";

export const runKinds = ["up", "destroy", "preview", "refresh"] as const;
export type RunKind = (typeof runKinds)[number];

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
  /** Of the engine and its plugins in this run alone, such as the clouds' addresses: no part of the state. */
  environment: z.record(z.string(), z.string()).default({}),
});
export type RunRequest = z.input<typeof runRequestSchema>;

/** Runner to worker. `event` is an engine event as Pulumi's Automation API gives it, secrets masked by the engine. */
export const runnerMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("event"), id: z.string(), event: z.unknown() }),
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
