/** What a preview's events say would be done to each resource. Pure. */
import type { PlannedStep } from "./plan.ts";

const ops: Readonly<Record<string, PlannedStep["op"]>> = {
  create: "create",
  import: "create",
  update: "update",
  delete: "delete",
  replace: "replace",
  "create-replacement": "replace",
  "delete-replaced": "replace",
};
/** Of several about one resource: made anew counts once, and more than a change. */
const weight: Readonly<Record<PlannedStep["op"], number>> = { update: 0, create: 1, delete: 2, replace: 3 };

export type StepEvent = { resource: string; op: string };

/** In the order of resources. Reads, refreshes and what stays the same are no steps. */
export function toSteps(events: readonly StepEvent[]): PlannedStep[] {
  const found = new Map<string, PlannedStep["op"]>();
  for (const { resource, op } of events) {
    const step = ops[op];
    if (step === undefined) continue;
    const known = found.get(resource);
    if (known === undefined || weight[step] > weight[known]) found.set(resource, step);
  }
  return [...found]
    .map(([resource, op]) => ({ resource, op }))
    .toSorted((a, b) => (a.resource < b.resource ? -1 : 1));
}
