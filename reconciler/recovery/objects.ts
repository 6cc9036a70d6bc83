/** What the clouds hold under a stack's names and labels, held against what its state knows. Pure. */
import type { StackState } from "../../infra/runner-protocol.ts";

/** Something of a stack that a cloud can be asked for by name. */
export type CloudObject = {
  /** Resource type and logical name under which the state knows it. */
  type: string;
  logicalName: string;
  /** As the state holds it. */
  id: string;
  /** As the provider's import takes it. */
  importId: string;
  /** Of a record. */
  zoneId?: string;
  /** For a person: `server cf-bob`. */
  what: string;
  /** It carries this stack's own label or comment. */
  ours: boolean;
  /** It bears the name that a new one would bear, so that no second one can be made. */
  inTheWay: boolean;
  createdAt: Date | undefined;
  /** False for what nobody can take over: a certificate whose key is somewhere on the way. */
  adoptable: boolean;
  /** Protected against deletion: a person's to remove. */
  guarded: boolean;
  /** Of two that answer, the one that is in use: attached, or pointed to. */
  preferred: boolean;
};

export type Plan = {
  adopt: CloudObject[];
  /** Ours, made by an operation of ours, and in no state: a second one. */
  remove: CloudObject[];
  /** Ours, but nobody knows who made them: named to a person, never removed. */
  leave: CloudObject[];
  /** Somebody else's, where one of ours has to be. */
  foreign: CloudObject[];
  /** The state knows objects that are no more: it has to be read anew before another can take their place. */
  stale: boolean;
};

export type MadeByUs = (at: Date | undefined) => boolean;

export function planAdoption(state: StackState, objects: readonly CloudObject[], madeByUs: MadeByUs): Plan {
  const plan: Plan = { adopt: [], remove: [], leave: [], foreign: [], stale: false };
  const known = new Set(state.resources.map((resource) => `${resource.type} ${resource.id ?? ""}`));
  const places = Map.groupBy(objects, (object) => `${object.type} ${object.logicalName}`);
  for (const group of places.values()) {
    const ours = group.filter((object) => object.ours);
    const inState = ours.find((object) => known.has(`${object.type} ${object.id}`));
    const chosen = inState ?? choose(ours.filter((object) => object.adoptable));
    if (chosen && !inState) {
      plan.adopt.push(chosen);
      plan.stale ||= hasPlace(state, chosen);
    }
    if (!chosen && !hasPlaceOf(state, group)) plan.foreign.push(...group.filter((object) => object.inTheWay));
    for (const extra of ours) {
      if (extra === chosen || known.has(`${extra.type} ${extra.id}`)) continue;
      (madeByUs(extra.createdAt) && !extra.guarded ? plan.remove : plan.leave).push(extra);
    }
  }
  return plan;
}

function choose(candidates: readonly CloudObject[]): CloudObject | undefined {
  return candidates.toSorted(
    (a, b) =>
      Number(b.preferred) - Number(a.preferred) ||
      Number(b.inTheWay) - Number(a.inTheWay) ||
      (a.createdAt?.getTime() ?? 0) - (b.createdAt?.getTime() ?? 0),
  )[0];
}

function hasPlaceOf(state: StackState, [object]: readonly CloudObject[]): boolean {
  return object !== undefined && hasPlace(state, object);
}

function hasPlace(state: StackState, { type, logicalName }: CloudObject): boolean {
  return findUrn(state, type, logicalName) !== undefined;
}

/** The living resource of this type and logical name. */
export function findUrn(state: StackState, type: string, logicalName: string): string | undefined {
  return state.resources.find(
    (resource) => resource.type === type && !resource.delete && resource.urn.endsWith(`::${logicalName}`),
  )?.urn;
}

const clockSlackMs = 60_000;

/** Some operation of ours was under way when it was made. */
export function createMadeByUs(runs: readonly { startedAt: Date; endedAt: Date | null }[]): MadeByUs {
  return (at) =>
    at !== undefined &&
    runs.some(
      ({ startedAt, endedAt }) =>
        startedAt.getTime() - clockSlackMs <= at.getTime() &&
        at.getTime() <= (endedAt?.getTime() ?? Number.POSITIVE_INFINITY) + clockSlackMs,
    );
}
