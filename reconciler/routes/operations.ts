/** Operations of instances and cells, as the admin API answers them. */
import { z } from "zod";

/** One converge or preview as operators see it; times are ISO 8601. */
export type OperationAnswer = {
  id: number;
  stack: string;
  kind: string;
  reason: string;
  actor: string;
  generation: number;
  worker: string;
  startedAt: string;
  endedAt: string | null;
  outcome: string | null;
  changes: Record<string, number> | null;
  error: { code: string; message: string; remedy?: string | undefined } | null;
};

export type OperationEventAnswer = { seq: number; at: string; kind: string; message: string };

export type OperationsDeps = {
  list(stack: string, limit: number): Promise<OperationAnswer[]>;
  find(id: number): Promise<OperationAnswer | undefined>;
  events(id: number, afterSeq: number): Promise<OperationEventAnswer[]>;
  /** Highest id so far, 0 when there is none: what follows a request has a higher one. */
  lastId(): Promise<number>;
};

/** Of `apply`: what the clouds really hold is read first. */
export const applyQuery = z.object({ refresh: z.enum(["true", "false"]).optional() });
