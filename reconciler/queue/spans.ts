/** What a trace says of a job, and how it comes from who queued it to who does it. */
import { SpanKind } from "@opentelemetry/api";
import { z } from "zod";
import { carryTrace, type SpanAbout } from "../tracing.ts";
import type { QueuedJob, QueueName } from "./jobs.ts";

/** Whoever does the work goes on with the trace of who asked for it. */
export function withTrace(jobs: readonly QueuedJob[]): readonly QueuedJob[] {
  const trace = carryTrace();
  return trace === undefined ? jobs : jobs.map((job) => ({ ...job, data: { ...job.data, trace } }));
}

const traceSchema = z.object({ trace: z.string().optional() });

export function readTrace(data: unknown): string | undefined {
  return traceSchema.safeParse(data).data?.trace;
}

/** Of any queue's job; nothing else in it is for a trace. */
const namedSchema = z.object({
  stack: z.string().optional(),
  kind: z.string().optional(),
  reason: z.string().optional(),
  account: z.string().optional(),
});

export function toSpan(
  queue: QueueName,
  job: { id: string; data: unknown; attempt: number; waitedSeconds: number; trace: string | undefined },
): SpanAbout {
  const named = Object.entries(namedSchema.safeParse(job.data).data ?? {});
  return {
    kind: SpanKind.CONSUMER,
    parent: job.trace,
    attributes: {
      "messaging.destination.name": queue,
      "messaging.message.id": job.id,
      "clawfleet.attempt": job.attempt,
      "clawfleet.waited_seconds": job.waitedSeconds,
      ...Object.fromEntries(named.map(([key, value]) => [`clawfleet.${key}`, value])),
    },
  };
}
