/** Orders that can be done without an operation: what an instance says when there is none to wait for. Pure. */
import type { FleetRow } from "../db/fleet.ts";

export function isAsOrdered(instance: FleetRow): string | undefined {
  if (instance.cell === null) return `${instance.slug} has no server yet; it gets one that is as ordered`;
  return hasReached(instance) ? `${instance.slug} is as ordered` : undefined;
}

export function isGone({ slug, status }: FleetRow): string | undefined {
  return status === "gone" ? `${slug} is gone` : undefined;
}

/** Of what only a server can have: one that has none gets it with its next one. */
export function isKeptForLater(instance: FleetRow): string | undefined {
  return instance.cell === null || instance.phase === "archived"
    ? `${instance.slug} has no server now; its next one starts with that`
    : undefined;
}

function hasReached({ status, observedGeneration, generation }: FleetRow): boolean {
  return status === "ready" && observedGeneration === generation;
}
