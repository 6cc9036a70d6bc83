/** What one engine run asks of a provider, in plain data. `serve.ts` puts it on gRPC; bridged and native providers answer. */
import type { NameSource } from "./autoname.ts";
import type { DiffResult } from "./diff.ts";
import type { EngineEnvironment } from "./engine-environment.ts";
import type { Bag } from "./values.ts";

export type Severity = "info" | "warning" | "error";

export type RunContext = {
  /** Ends when the run does, or when the engine cancels: waits and requests are given up. */
  signal: AbortSignal;
  /** Of the engine: what a plugin that it starts inherits. */
  environment: EngineEnvironment;
  /** Shown to the person who waits, under the resource. */
  log(severity: Severity, urn: string, message: string): void;
  /** The same for a line that the next one replaces. */
  status(urn: string, message: string): void;
};

export type CheckResult = { inputs: Bag; failures: string[] };

export type CheckAsk = { urn: string; news: Bag; olds: Bag; naming: Omit<NameSource, "logicalName"> };
export type DiffAsk = { urn: string; olds: Bag; news: Bag; ignoreChanges: readonly string[] };
export type CreateAsk = { urn: string; inputs: Bag; preview: boolean };
export type ReadAsk = { urn: string; id: string; state: Bag; inputs: Bag };
export type UpdateAsk = DiffAsk & { id: string; preview: boolean };
export type DeleteAsk = { urn: string; id: string; state: Bag };

/** One engine run. @throws HalfMade, ProcessDeath, or any error with the text that the engine is to show. */
export type PluginRun = {
  check: (ask: CheckAsk) => CheckResult;
  diff: (ask: DiffAsk) => DiffResult;
  /** The id is empty in a preview. */
  create: (ask: CreateAsk) => Promise<{ id: string; state: Bag }>;
  /** undefined: it is gone. */
  read: (ask: ReadAsk) => Promise<{ id: string; state: Bag; inputs: Bag } | undefined>;
  update: (ask: UpdateAsk) => Promise<Bag>;
  delete: (ask: DeleteAsk) => Promise<void>;
  invoke: (token: string, args: Bag) => Promise<Bag>;
};

export type Plugin = {
  name: string;
  version: string;
  /** Secrets arrive wrapped and are answered wrapped; otherwise the engine unwraps them and marks them itself. */
  acceptsSecrets: boolean;
  supportsAutonaming: boolean;
  checkConfig(config: Bag): CheckResult;
  /** @throws when the configuration cannot work. */
  open(config: Bag, run: RunContext): PluginRun;
};

/** It exists, but something after that failed: the engine keeps the resource with its reasons. */
export class HalfMade extends Error {
  readonly id: string;
  readonly state: Bag;
  constructor(id: string, state: Bag, reason: string) {
    super(reason);
    this.id = id;
    this.state = state;
  }
}

/** What makes the official plugin's process die: the run loses its provider. */
export class ProcessDeath extends Error {}

/** Asked for a resource or function that the provider does not have. */
export class NoSuchToken extends Error {}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Last part of a URN. */
export function logicalNameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

/** Resource type in a URN. */
export function tokenOf(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}
