/** What to do about one instance: the whole decision, from facts. Pure. */
import type { Phase } from "../../infra/config.ts";
import { demandOf, type ConvergeJob } from "../queue/jobs.ts";

export type ConvergeFacts = Pick<ConvergeJob, "reason" | "also"> & {
  phase: Phase;
  status: string;
  generation: number;
  observedGeneration: number;
  cellReady: boolean;
  /** A snapshot is left over from when it was archived. */
  hasSnapshot: boolean;
  /** It stands on a server that its plan does not want, and may become what it wants. */
  misfit: boolean;
  /** Left alone by a person's order. */
  hold: boolean;
  /** An operator has told the service to change nothing of it for now. */
  paused: boolean;
};

export type Decision =
  | { kind: "up"; refresh: boolean }
  | { kind: "destroy" }
  | { kind: "archive" }
  | { kind: "cell-first" }
  | { kind: "nothing"; why: string };

export function decideConverge(facts: ConvergeFacts): Decision {
  if (facts.status === "gone") return { kind: "nothing", why: "it is gone" };
  if (facts.hold) return { kind: "nothing", why: "an override holds it as it is" };
  if (facts.paused) return { kind: "nothing", why: "an operator has paused it" };
  if (facts.phase === "gone") return { kind: "destroy" };
  const reached = facts.status === "ready" && facts.observedGeneration >= facts.generation;
  if (facts.phase === "archived")
    return reached ? { kind: "nothing", why: "it is archived" } : { kind: "archive" };
  if (!facts.cellReady) return { kind: "cell-first" };
  const { always, refresh } = demandOf(facts);
  if (reached && !facts.hasSnapshot && !facts.misfit && !always)
    return { kind: "nothing", why: "it is as desired" };
  return { kind: "up", refresh };
}
