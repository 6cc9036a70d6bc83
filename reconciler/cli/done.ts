/** Orders from which no operation follows: done without one, or come to their end before one began. Pure. */
import type { FleetRow } from "../db/fleet.ts";
import { assertNever } from "../errors.ts";
import type { LeftAlone } from "../operators/standing.ts";
import type { InstanceStatus } from "../web/order-view.ts";

/** How it stands with an instance or a cell, read after the queue was asked. */
export type Standing = {
  /** Slug, or `cell.<name>`. */
  name: string;
  /** No job about it waits or runs. */
  idle: boolean;
  status: InstanceStatus;
  detail: string | null;
  leftAlone: LeftAlone | null;
};

/** Why nothing follows any more, and what to do. */
export type Stop = { message: string; remedy: string };

/** Of an order that has no operation so far. undefined: its job still waits or runs, or another one has begun meanwhile. */
export function findStop({ name, idle, status, detail, leftAlone }: Standing): Stop | undefined {
  if (!idle) return undefined;
  const show = `fleet show ${name} says how it stands`;
  if (leftAlone && status !== "gone")
    return { message: `nothing was done: ${leftAlone.message}`, remedy: leftAlone.remedy ?? show };
  const message = `no operation came of it: ${name} is ${status}${detail === null ? "" : `: ${detail}`}`;
  switch (status) {
    case "pending":
    case "converging":
      return undefined;
    case "waiting":
      return { message, remedy: `nothing, or what it says: it goes on by itself when it can; ${show}` };
    case "parked":
      return { message, remedy: `mend what it says, then: fleet apply ${name}` };
    case "ready":
      return { message, remedy: `${show}, and it can be ordered again` };
    case "gone":
      return { message, remedy: "fleet list shows every name" };
    default:
      return assertNever(status);
  }
}

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
