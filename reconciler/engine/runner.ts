/** One runner: a child process in a group of its own that runs one stack at a time for us. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { runnerMessageSchema, type RunKind, type RunnerMessage } from "../../infra/runner-protocol.ts";
import { defaultLadder, endProcessGroup, signalGroup, type LadderStep } from "./process-group.ts";

export type RunInput = {
  kind: RunKind;
  stack: string;
  message: string;
  refresh?: boolean;
  /** Of the engine and its plugins, beside what every run has. */
  environment?: Record<string, string>;
};

export type RunOutcome =
  | {
      kind: "done";
      outputs: Record<string, unknown>;
      changes: Record<string, number>;
      /** Generation of the row that the program ran on. */
      generation: number;
      diff: string | undefined;
    }
  | { kind: "failed"; name: string; message: string; diagnostics: string[]; changes: Record<string, number> }
  /** The run was ended, or its process died: what it did is unknown. */
  | { kind: "interrupted"; why: string };

export type RunnerOptions = {
  log: Logger;
  environment: Record<string, string>;
  /** Path of the runner's program; the product's own by default. */
  program?: string;
  ladder?: readonly LadderStep[];
};

export type Runner = {
  /** `onEvent` sees engine events in order. An aborted signal ends the whole process group. */
  run(input: RunInput, onEvent: (event: unknown) => void, signal: AbortSignal): Promise<RunOutcome>;
  isAlive(): boolean;
  stop(): Promise<void>;
};

const runnerProgram = fileURLToPath(new URL("../../infra/runner.ts", import.meta.url));

export function startRunner(options: RunnerOptions): Runner {
  const child = fork(options.program ?? runnerProgram, [], {
    detached: true,
    env: options.environment,
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const leader = child.pid;
  let ended = false;
  let lastWords = "";
  const end = new Promise<void>((resolve) => {
    child.once("exit", () => {
      ended = true;
      // Whatever the runner started must not outlive it.
      if (leader !== undefined) signalGroup(leader, "SIGKILL");
      resolve();
    });
    child.once("error", (error) => {
      ended = true;
      lastWords = error.message;
      resolve();
    });
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-2000);
    });
  }
  let counter = 0;

  let ending: Promise<void> | undefined;
  /** Once for everybody who asks: a second ladder beside the first would cut the engine's own end short. */
  function endGroup(): Promise<void> {
    if (leader === undefined) return Promise.resolve();
    ending ??= endProcessGroup(leader, () => ended, options.ladder ?? defaultLadder);
    return ending;
  }

  return {
    isAlive: () => !ended && child.connected,
    async run(input, onEvent, signal) {
      counter += 1;
      const id = `${leader ?? 0}-${counter}`;
      if (signal.aborted) return { kind: "interrupted", why: reasonOf(signal) };
      const result = Promise.withResolvers<RunOutcome>();
      const onMessage = (raw: unknown): void => {
        const message = readMessage(raw, options.log);
        if (message === undefined || message.type === "ready" || message.id !== id) return;
        if (message.type === "event") onEvent(message.event);
        else result.resolve(toOutcome(message));
      };
      const onAbort = (): void => {
        void endGroup().then(() => result.resolve({ kind: "interrupted", why: reasonOf(signal) }));
      };
      child.on("message", onMessage);
      signal.addEventListener("abort", onAbort, { once: true });
      void end.then(() =>
        result.resolve({
          kind: "interrupted",
          why: `the runner died: ${lastWords.trim() || "no last words"}`,
        }),
      );
      try {
        send(child, { type: "run", id, refresh: false, environment: {}, ...input }, (error) =>
          result.resolve({ kind: "interrupted", why: `the runner cannot be reached: ${error.message}` }),
        );
        return await result.promise;
      } finally {
        child.off("message", onMessage);
        signal.removeEventListener("abort", onAbort);
      }
    },
    async stop() {
      if (ended) return;
      if (ending) return await ending;
      // Without a run under way a closed channel is enough.
      if (child.connected) child.disconnect();
      const deadline = AbortSignal.timeout(2000);
      await Promise.race([
        end,
        new Promise((resolve) => deadline.addEventListener("abort", resolve, { once: true })),
      ]);
      if (!ended) await endGroup();
    },
  };
}

function send(child: ChildProcess, message: object, onError: (error: Error) => void): void {
  if (!child.connected) return onError(new Error("its channel is closed"));
  child.send(message, (error) => {
    if (error) onError(error);
  });
}

function readMessage(raw: unknown, log: Logger): RunnerMessage | undefined {
  const parsed = runnerMessageSchema.safeParse(raw);
  if (!parsed.success) log.error({ problem: parsed.error.message }, "a runner said what nobody understands");
  return parsed.data;
}

function toOutcome(message: Exclude<RunnerMessage, { type: "ready" | "event" }>): RunOutcome {
  if (message.type === "failed") {
    const { name, message: text, diagnostics, changes } = message;
    return { kind: "failed", name, message: text, diagnostics, changes };
  }
  const { outputs, changes, generation, diff } = message;
  return { kind: "done", outputs, changes, generation, diff };
}

function reasonOf(signal: AbortSignal): string {
  return signal.reason instanceof Error ? signal.reason.message : "it was ended";
}
