/** One runner: a child process in a group of its own that runs one stack at a time for us. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { killSession } from "../../infra/process-session.ts";
import {
  aliveEveryMs,
  aliveMessage,
  runnerMessageSchema,
  type Recovery,
  type RunKind,
  type RunnerMessage,
} from "../../infra/runner-protocol.ts";
import { defaultLadder, endProcessGroup, fitLadder, type LadderStep } from "./process-group.ts";

export type RunInput = {
  kind: RunKind;
  stack: string;
  message: string;
  refresh?: boolean;
  /** URNs of what `up` makes anew. */
  replace?: string[];
  /** What a run of kind `recover` does. */
  recovery?: Recovery;
  /** Of the engine and its plugins, beside what every run has. */
  environment?: Record<string, string>;
};

/** Tells when the claim on the stack is lost: whatever runs has to be dead within `endWithinMs`, or two run at once. */
export type Lease = { lost: AbortSignal; readonly endWithinMs: number };

/** A process of the engine has started, by the clock of this machine. */
export type OnProcess = (process: { pid: number; startedAt: Date }) => void;

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
  /** `onEvent` sees engine events in order. An aborted signal ends the whole process group, a lost lease ends it fast. */
  run(
    input: RunInput,
    onEvent: (event: unknown) => void,
    signal: AbortSignal,
    lease?: Lease,
    onProcess?: OnProcess,
  ): Promise<RunOutcome>;
  isAlive(): boolean;
  stop(): Promise<void>;
  /** The whole group at once, without giving it a chance to end by itself. */
  kill(): void;
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
      if (leader !== undefined) killSession(leader);
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

  const ladder = options.ladder ?? defaultLadder;
  let ending: Promise<void> | undefined;
  let hurried: Promise<void> | undefined;
  /** Once for everybody who asks: a second ladder beside the first would cut the engine's own end short. */
  function endGroup(): Promise<void> {
    if (leader === undefined) return Promise.resolve();
    ending ??= endProcessGroup(leader, () => ended, ladder);
    return ending;
  }
  /** Waits for no longer ladder that has begun. */
  function endFast(withinMs: number): Promise<void> {
    if (leader === undefined) return Promise.resolve();
    hurried ??= endProcessGroup(leader, () => ended, fitLadder(ladder, withinMs));
    ending ??= hurried;
    return hurried;
  }

  return {
    isAlive: () => !ended && child.connected,
    kill() {
      if (leader !== undefined) killSession(leader);
    },
    async run(input, onEvent, signal, lease, onProcess) {
      counter += 1;
      const id = `${leader ?? 0}-${counter}`;
      const early = [signal, lease?.lost].find((one) => one?.aborted);
      if (early) return { kind: "interrupted", why: reasonOf(early) };
      const result = Promise.withResolvers<RunOutcome>();
      const onMessage = (raw: unknown): void => {
        const message = readMessage(raw, options.log);
        if (message === undefined || message.type === "ready" || message.id !== id) return;
        if (message.type === "event") onEvent(message.event);
        else if (message.type === "process") onProcess?.({ pid: message.pid, startedAt: message.startedAt });
        else result.resolve(toOutcome(message));
      };
      const onAbort = (): void => {
        if (lease?.lost.aborted) return;
        void endGroup().then(() => result.resolve({ kind: "interrupted", why: reasonOf(signal) }));
      };
      const onLost = (): void => {
        if (!lease) return;
        const why = reasonOf(lease.lost);
        void endFast(lease.endWithinMs).then(() => result.resolve({ kind: "interrupted", why }));
      };
      const alive = setInterval(() => send(child, aliveMessage, () => undefined), aliveEveryMs);
      child.on("message", onMessage);
      lease?.lost.addEventListener("abort", onLost, { once: true });
      signal.addEventListener("abort", onAbort, { once: true });
      void end.then(() => {
        const told = [lease?.lost, signal].find((one) => one?.aborted);
        const why = told ? reasonOf(told) : `the runner died: ${lastWords.trim() || "no last words"}`;
        result.resolve({ kind: "interrupted", why });
      });
      try {
        send(child, { type: "run", id, refresh: false, environment: {}, ...input }, (error) =>
          result.resolve({ kind: "interrupted", why: `the runner cannot be reached: ${error.message}` }),
        );
        const outcome = await result.promise;
        if (!signal.aborted || outcome.kind !== "failed") return outcome;
        // The engine obeyed the interrupt. Without its channel the runner ends too, and the ladder needs no harder step.
        if (child.connected) child.disconnect();
        return { kind: "interrupted", why: reasonOf(signal) };
      } finally {
        clearInterval(alive);
        child.off("message", onMessage);
        lease?.lost.removeEventListener("abort", onLost);
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

function toOutcome(message: Exclude<RunnerMessage, { type: "ready" | "event" | "process" }>): RunOutcome {
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
