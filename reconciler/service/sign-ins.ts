/** Answers of a worker to those who want to sign in to one of its own cells' instances. */
import { answerSignIns, type AnswerDeps } from "../sign-in/answer.ts";
import { runOnMachine } from "../health/machine-ssh.ts";
import type { Binding } from "../queue/binding.ts";

/** A person waits. */
const intervalMs = 1_000;

export function startSignIns(deps: Omit<AnswerDeps, "run">, binding: Binding): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const answering = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const turn = answerSignIns({ ...deps, run: runOnMachine }, binding, stopped.signal)
      .catch((error: unknown) => deps.log.error({ err: error }, "cannot look who wants to sign in"))
      .finally(() => answering.delete(turn));
    answering.add(turn);
  }, intervalMs);
  return {
    async stop() {
      clearInterval(timer);
      stopped.abort();
      await Promise.all(answering);
    },
  };
}
