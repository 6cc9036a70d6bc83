/** What a worker has, with a pool that runs no engine: each run comes to what the test says it does. */
import type { ConvergeDeps } from "../../reconciler/converge/converge-instance.ts";
import type { ApplyDeps } from "../../reconciler/desired/apply-deps.ts";
import type { RunInput, RunOutcome } from "../../reconciler/engine/runner.ts";
import { runOnMachine } from "../../reconciler/health/machine-ssh.ts";
import { createRedact } from "../../reconciler/operations/redact.ts";
import { startTestGate } from "./gate.ts";

export type CannedRuns = {
  deps: ConvergeDeps;
  /** What the next runs come to. An error: the pool itself fails. A function says what the engine would say meanwhile. */
  answer: RunOutcome | Error | ((say: (event: unknown) => void) => Promise<RunOutcome>);
  /** What each run was told to do. */
  asked: RunInput[];
  close(): Promise<void>;
};

/** The clouds cannot be asked: what would look at them before a run fails with "no cloud is here". */
export async function createCannedRuns(apply: ApplyDeps): Promise<CannedRuns> {
  const { sql, queue, clock, log, masterKey } = apply;
  const { gate } = await startTestGate(sql, {});
  const canned: CannedRuns = {
    answer: new Error("the test has not said what a run comes to"),
    asked: [],
    close: () => gate.close(),
    deps: {
      sql,
      queue,
      clock,
      log,
      gate,
      pool: {
        async run(input, say) {
          canned.asked.push(input);
          if (typeof canned.answer === "function") return await canned.answer(say);
          if (canned.answer instanceof Error) throw canned.answer;
          return canned.answer;
        },
        stop: async () => undefined,
        kill: () => undefined,
        size: () => 0,
      },
      redact: createRedact([]),
      workerName: "test",
      deadlineMs: 60_000,
      recover: async () => ({ kind: "ready", refresh: false }),
      trimHistory: async () => undefined,
      cloudsOf() {
        throw new Error("no cloud is here");
      },
      random: () => 0.5,
      pricesOf: () => Promise.reject(new Error("no prices are here")),
      retryFirstMs: 5_000,
      masterKey,
      runOnMachine,
    },
  };
  return canned;
}

/** A run that ended with this text. */
export function failedRun(text: string): RunOutcome {
  return { kind: "failed", name: "CommandError", message: "code: 255", diagnostics: [text], changes: {} };
}

/** A cell's run that came to its end. */
export function cellRun(generation: number): RunOutcome {
  return { kind: "done", outputs: cellOutputs, changes: { create: 4 }, generation, diff: undefined };
}

export const cellOutputs = {
  networkId: "1",
  subnetId: "1-10.0.0.0/24",
  sshKeyId: "1",
  zoneId: "z",
  zoneName: "claws.example",
  cloudflareRanges: ["192.0.2.0/24"],
};
