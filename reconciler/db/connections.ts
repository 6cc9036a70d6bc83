/**
 * How many connections to PostgreSQL each part may hold: the one place that bounds them. docs/operations.md has the table
 * that follows from this; test/e2e/roles.test.ts counts a worker's. Pure.
 */
import { engineConnections } from "../../infra/backend.ts";

/** Of one process of ours. */
export const connections = {
  /** HTTP, hints, sweeps, clocks. */
  pool: 12,
  /** Claims, records and signs of life of a process that only runs converges; and for each converge at once: */
  workPool: 4,
  workPoolPerSlot: 2,
  /** pg-boss' own. */
  queue: 3,
  /** One that listens, for all channels together. */
  listen: 1,
} as const;

export type Role = "start" | "serve" | "work";

/** Most connections of our own pool in one process; `slots`: converges at once. */
export function poolSize(role: Role, slots: number): number {
  const converging = connections.workPool + connections.workPoolPerSlot * slots;
  if (role === "work") return converging;
  return role === "serve" ? connections.pool : connections.pool + converging;
}

/** Most connections of one process with everything below it: runners read inputs, then the engine holds the state. */
export function mostConnections(role: Role, slots: number): number {
  const own = poolSize(role, slots) + connections.queue + connections.listen;
  return role === "serve" ? own : own + slots * engineConnections;
}
