/** What a change of `stacks/` would do to the clouds, customer by customer, with a hash that says "exactly this". Pure. */
import { createHash } from "node:crypto";
import type { SettingChange } from "./setting-changes.ts";

export type PlannedStep = { resource: string; op: "create" | "update" | "replace" | "delete" };

export type CustomerPlan = {
  slug: string;
  why: readonly string[];
  /** Hash of what the row would say; the same change on another row has another one. Empty when nothing would be decided. */
  desired: string;
  steps: readonly PlannedStep[];
  /** Pulumi's diff as text. */
  diff: string;
  /** Net, a month; null when it cannot be told. */
  costBefore: number | null;
  costAfter: number | null;
  /** Why there is no preview. */
  error: string | null;
  /** Who was previewed in its place: the same decision about the same server. */
  example?: string | undefined;
  /** The failure may be over by itself: it is worth another preview. */
  again?: true | undefined;
  /** What the engine's preview cannot show of it. */
  note?: string | undefined;
};

export type FleetPlan = {
  base: string;
  head: string;
  customers: readonly CustomerPlan[];
  settings: readonly SettingChange[];
  problems: readonly string[];
};

export type Counts = Record<PlannedStep["op"], number>;

export function countSteps(steps: readonly PlannedStep[]): Counts {
  const counts: Counts = { create: 0, update: 0, replace: 0, delete: 0 };
  for (const { op } of steps) counts[op] += 1;
  return counts;
}

/** Servers that are replaced or deleted: their disks are lost, so that more than a few need a person's label. */
export function countLostServers({ customers }: FleetPlan): number {
  const lost = ({ resource, op }: PlannedStep) =>
    resource === "server" && (op === "replace" || op === "delete");
  return customers.filter(({ steps }) => steps.some(lost)).length;
}

/**
 * The same for the same decisions with the same effects and the same settings, whatever the order of customers and steps; times and texts of diffs
 * are no part of it.
 */
export function hashPlan({ customers, settings, problems }: Omit<FleetPlan, "base" | "head">): string {
  const effects = customers
    .map(({ slug, desired, steps, error, note }) => [
      slug,
      desired,
      steps.map(({ resource, op }) => `${resource} ${op}`).toSorted(),
      error,
      ...(note === undefined ? [] : [note]),
    ])
    .toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
  const said = settings.map((setting) => JSON.stringify(setting)).toSorted();
  const text = JSON.stringify([effects, said, problems.toSorted()]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
