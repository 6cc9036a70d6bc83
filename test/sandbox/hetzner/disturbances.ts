/** What the simulated Hetzner can be told to do wrong beyond the kit's faults on requests. */

export type ActionError = { code: string; message: string };

export type Disturbance =
  /** The next `times` actions of `command` end in `error`. Default once, `action_failed` "Action failed". */
  | { kind: "action-error"; command: string; code?: string; message?: string; times?: number }
  /** The next `times` actions of `command` take `ms`. Default once: one server that hangs in `initializing`. */
  | { kind: "slow-action"; command: string; ms: number; times?: number }
  /** No room for matching orders: the next `times` (default: until cleared) get 412 resource_unavailable. */
  | { kind: "no-capacity"; serverType?: string; location?: string; times?: number };

export type Disturbances = {
  add(...list: Disturbance[]): void;
  clear(kind?: Disturbance["kind"]): void;
  pending(): number;
  takeActionError(command: string): ActionError | undefined;
  takeSlowness(command: string): number | undefined;
  /** True when an order for this type in this location is to be refused. */
  takeNoCapacity(serverType: string, location: string): boolean;
};

export const defaultActionError: ActionError = { code: "action_failed", message: "Action failed" };

export function createDisturbances(): Disturbances {
  let armed: (Disturbance & { left: number })[] = [];

  function take<K extends Disturbance["kind"]>(
    kind: K,
    hits: (disturbance: Extract<Disturbance, { kind: K }>) => boolean,
  ): Extract<Disturbance, { kind: K }> | undefined {
    for (const candidate of armed) {
      if (!isKind(candidate, kind) || !hits(candidate)) continue;
      candidate.left -= 1;
      armed = armed.filter((each) => each.left > 0);
      return candidate;
    }
    return undefined;
  }

  return {
    add(...list) {
      for (const disturbance of list) {
        armed.push({ ...disturbance, left: disturbance.times ?? defaultTimes[disturbance.kind] });
      }
    },
    clear(kind) {
      armed = kind === undefined ? [] : armed.filter((disturbance) => disturbance.kind !== kind);
    },
    pending: () => armed.length,
    takeActionError(command) {
      const hit = take("action-error", (disturbance) => disturbance.command === command);
      if (hit === undefined) return undefined;
      return {
        code: hit.code ?? defaultActionError.code,
        message: hit.message ?? defaultActionError.message,
      };
    },
    takeSlowness: (command) => take("slow-action", (disturbance) => disturbance.command === command)?.ms,
    takeNoCapacity(serverType, location) {
      const hit = take(
        "no-capacity",
        (disturbance) =>
          (disturbance.serverType ?? serverType) === serverType &&
          (disturbance.location ?? location) === location,
      );
      return hit !== undefined;
    },
  };
}

const defaultTimes: Record<Disturbance["kind"], number> = {
  "action-error": 1,
  "slow-action": 1,
  "no-capacity": Infinity,
};

function isKind<K extends Disturbance["kind"]>(
  disturbance: Disturbance & { left: number },
  kind: K,
): disturbance is Extract<Disturbance, { kind: K }> & { left: number } {
  return disturbance.kind === kind;
}
