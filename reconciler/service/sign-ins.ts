/** Answers of a worker to those who want to sign in to one of its own cells' instances. */
import { answerSignIns, type AnswerDeps } from "../sign-in/answer.ts";
import { runOnMachine } from "../health/machine-ssh.ts";
import type { Binding } from "../queue/binding.ts";
import { overlapping, type Turns } from "../turns.ts";

/** A person waits. */
const intervalMs = 1_000;

export function startSignIns(deps: Omit<AnswerDeps, "run">, binding: Binding): Turns {
  return overlapping(deps, intervalMs, "cannot look who wants to sign in", (signal) =>
    answerSignIns({ ...deps, run: runOnMachine }, binding, signal),
  );
}
