/** What a simulated cloud can be told to do wrong, and the plan that says when. */

export type FaultEffect =
  /** Answers without doing anything: the request fails before it takes effect. */
  | { kind: "answer"; status: number; body: unknown; headers?: Record<string, string> }
  /** Does the work, then answers this instead of the real answer. */
  | { kind: "answer-after"; status: number; body: unknown; headers?: Record<string, string> }
  /** Closes the connection before the work is done. */
  | { kind: "drop-before" }
  /** Does the work, then closes the connection: the one fault that makes orphans. */
  | { kind: "drop-after" }
  /** Does the work, then keeps its answer to itself for so long: time to kill who waits for it. */
  | { kind: "hold-after"; ms: number }
  /** Waits, then goes on as usual. */
  | { kind: "delay"; ms: number }
  /** Known to one simulator only, e.g. Hetzner's `{ name: "action-error", code, message }`. */
  | { kind: "named"; name: string; data: Record<string, unknown> };

export type Fault = {
  /** HTTP method; any when absent. */
  method?: string;
  /** Source of a regular expression on the path with its query. */
  path: string;
  /** How many matching requests are hit. Default 1. */
  times?: number;
  /** How many matching requests go through first. Default 0. */
  after?: number;
  effect: FaultEffect;
};

export type FaultPlan = {
  add(...faults: Fault[]): void;
  clear(): void;
  /** The effect that hits this request, used up by the call. */
  take(method: string, path: string): FaultEffect | undefined;
  pending(): number;
};

type Armed = Fault & { left: number; skip: number; pattern: RegExp };

export function createFaultPlan(): FaultPlan {
  let armed: Armed[] = [];
  return {
    add(...faults) {
      for (const fault of faults) {
        armed.push({
          ...fault,
          left: fault.times ?? 1,
          skip: fault.after ?? 0,
          pattern: new RegExp(fault.path),
        });
      }
    },
    clear() {
      armed = [];
    },
    take(method, path) {
      const hit = armed.find(
        (fault) => fault.left > 0 && (fault.method ?? method) === method && fault.pattern.test(path),
      );
      if (!hit) return undefined;
      if (hit.skip > 0) {
        hit.skip -= 1;
        return undefined;
      }
      hit.left -= 1;
      armed = armed.filter((fault) => fault.left > 0);
      return hit.effect;
    },
    pending: () => armed.length,
  };
}
