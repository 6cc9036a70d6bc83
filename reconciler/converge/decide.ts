/** What to do about one instance: the whole decision, from facts. Pure. */
import type { Phase } from "../../infra/config.ts";
import type { Reason } from "../queue/jobs.ts";

export type ConvergeFacts = {
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
  reason: Reason;
};

export type Decision =
  | { kind: "up"; refresh: boolean }
  | { kind: "destroy" }
  | { kind: "archive" }
  | { kind: "cell-first" }
  | { kind: "nothing"; why: string };

/** Asked for by somebody who wants to see it done, or who suspects that the state is wrong. */
const alwaysRun: ReadonlySet<Reason> = new Set(["operator", "drift"]);

/** What was reviewed was seen with the clouds read anew, and so it is applied. */
const looksFirst: ReadonlySet<Reason> = new Set(["drift", "pull-request"]);

export function decideConverge(facts: ConvergeFacts): Decision {
  if (facts.status === "gone") return { kind: "nothing", why: "it is gone" };
  if (facts.hold) return { kind: "nothing", why: "an override holds it as it is" };
  if (facts.paused) return { kind: "nothing", why: "an operator has paused it" };
  if (facts.phase === "gone") return { kind: "destroy" };
  const reached = facts.status === "ready" && facts.observedGeneration >= facts.generation;
  if (facts.phase === "archived")
    return reached ? { kind: "nothing", why: "it is archived" } : { kind: "archive" };
  if (!facts.cellReady) return { kind: "cell-first" };
  if (reached && !facts.hasSnapshot && !facts.misfit && !alwaysRun.has(facts.reason))
    return { kind: "nothing", why: "it is as desired" };
  return { kind: "up", refresh: looksFirst.has(facts.reason) };
}
