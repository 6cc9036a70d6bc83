/** What every stack's state says of its cloud objects, without a CLI process; only states that were written since are read. */
import type { Sql } from "postgres";
import { dropDriftStates, keepDriftStates, listDriftStates, type DriftState } from "../db/drift-states.ts";
import type { StateStore } from "../recovery/state-store.ts";
import { toExpected, type ExpectedObject } from "./objects.ts";

/** Raised with every change of what `toExpected` takes out of a state. */
const format = 1;
const batch = 100;

/** By stack. What a run writes meanwhile may be in it or not: whoever judges leaves stacks alone that are not at rest. */
export async function readExpected(
  sql: Sql,
  store: Pick<StateStore, "listVersions" | "readResources">,
): Promise<Map<string, ExpectedObject[]>> {
  const known = new Map((await listDriftStates(sql)).map((state) => [state.stack, state]));
  const versions = await store.listVersions();
  const stale = versions.filter(({ stack, version }) => known.get(stack)?.version !== tag(version));
  for (let at = 0; at < stale.length; at += batch) {
    const states = await readStates(store, stale.slice(at, at + batch));
    await keepDriftStates(sql, states);
    for (const state of states) known.set(state.stack, state);
  }
  const present = new Set(versions.map(({ stack }) => stack));
  const gone = [...known.keys()].filter((stack) => !present.has(stack));
  if (gone.length > 0) await dropDriftStates(sql, gone);
  for (const stack of gone) known.delete(stack);
  return new Map([...known].map(([stack, { objects }]) => [stack, objects]));
}

async function readStates(
  store: Pick<StateStore, "readResources">,
  stale: readonly { stack: string; key: string; version: string }[],
): Promise<DriftState[]> {
  const resources = await store.readResources(stale.map(({ key }) => key));
  return stale.flatMap(({ stack, key, version }) => {
    const found = resources.get(key);
    if (!found) return [];
    return [{ stack, version: tag(version), objects: found.flatMap((one) => toExpected(one) ?? []) }];
  });
}

function tag(version: string): string {
  return `${format} ${version}`;
}
