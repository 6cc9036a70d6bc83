/** What applying a decision needs, what it is about, and how operators hear of what is odd about it. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import type { Customer } from "../db/subscriptions.ts";
import type { AlertKind, RaiseAlert } from "../messages/alerts.ts";
import type { ConvergeJob, Reason } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import type { StackFiles } from "./stack-files.ts";

export type ApplyDeps = {
  sql: Sql;
  queue: Queue;
  clock: { now(): Date };
  log: Logger;
  masterKey: string;
  files(): Promise<StackFiles>;
  onAlert?: RaiseAlert;
};

export type ApplyScope =
  | { kind: "slugs"; slugs: readonly string[]; reason: Reason; actor: string }
  | { kind: "customers"; customers: readonly Customer[]; actor: string };

/** What came of a name: something to converge, or a row that has nowhere to be converged yet. */
export type Change = { job: ConvergeJob } | { row: "waits for room" };

export function alert(deps: ApplyDeps, kind: AlertKind, about: string, message: string): void {
  if (deps.onAlert) deps.onAlert({ kind, about, message });
  else deps.log.warn({ alert: kind }, message);
}
