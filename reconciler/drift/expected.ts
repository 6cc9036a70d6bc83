/** What every stack's state says of its cloud objects, without a CLI process; only states that were written since are read. */
import type { Sql } from "postgres";
import { dropDriftStates, keepDriftStates, listDriftStates, type DriftState } from "../db/drift-states.ts";
import type { StateStore, StateVersion } from "../recovery/state-store.ts";
import { toExpected, type ExpectedObject } from "./objects.ts";

/** Raised with every change of what `toExpected` takes out of a state. */
const format = 1;
const batch = 100;

/** By stack. */
export type Expected = {
  /** Of a state that cannot be read at all: what it said when it was read last. */
  objects: Map<string, ExpectedObject[]>;
  /** Why its state, or what it says of an object, cannot be read: nothing is concluded about that stack. */
  unreadable: Map<string, string>;
};

/** What a run writes meanwhile may be in it or not: whoever judges leaves stacks alone that are not at rest. */
export async function readExpected(
  sql: Sql,
  store: Pick<StateStore, "listVersions" | "readResources">,
): Promise<Expected> {
  const known = new Map((await listDriftStates(sql)).map((state) => [state.stack, state]));
  const versions = await store.listVersions();
  const stale = versions.filter(({ stack, version }) => known.get(stack)?.version !== tag(version));
  const unreadable = new Map<string, string>();
  for (let at = 0; at < stale.length; at += batch) {
    const read = await readStates(store, stale.slice(at, at + batch));
    await keepDriftStates(sql, read.states);
    for (const state of read.states) known.set(state.stack, state);
    for (const [stack, why] of read.unreadable) unreadable.set(stack, why);
  }
  const present = new Set(versions.map(({ stack }) => stack));
  const gone = [...known.keys()].filter((stack) => !present.has(stack));
  if (gone.length > 0) await dropDriftStates(sql, gone);
  for (const stack of gone) known.delete(stack);
  const objects = new Map([...known].map(([stack, state]) => [stack, state.objects]));
  return { objects, unreadable: new Map([...findUnread(objects), ...unreadable]) };
}

async function readStates(
  store: Pick<StateStore, "readResources">,
  stale: readonly StateVersion[],
): Promise<{ states: DriftState[]; unreadable: Map<string, string> }> {
  const readings = await store.readResources(stale.map(({ key }) => key));
  const states: DriftState[] = [];
  const unreadable = new Map<string, string>();
  for (const { stack, key, version } of stale) {
    const reading = readings.get(key);
    if (!reading) continue;
    if ("unreadable" in reading) unreadable.set(stack, reading.unreadable);
    else {
      const objects = reading.resources.flatMap((one) => toExpected(one) ?? []);
      states.push({ stack, version: tag(version), objects });
    }
  }
  return { states, unreadable };
}

/** What is on its way out is compared with nothing. */
function findUnread(objects: ReadonlyMap<string, readonly ExpectedObject[]>): [string, string][] {
  return [...objects].flatMap(([stack, all]) => {
    const why = all.find(({ leaving, unread }) => !leaving && unread !== undefined)?.unread;
    return why === undefined ? [] : [[stack, why] satisfies [string, string]];
  });
}

function tag(version: string): string {
  return `${format} ${version}`;
}
