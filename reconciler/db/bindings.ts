/** Which instances a worker may reach, as a condition on the table `clawfleet.instances i`. */
import type { Binding } from "../queue/binding.ts";
import type { Query } from "./database.ts";

export function isReachedBy(sql: Query, binding: Binding) {
  if (binding.kind === "all") return sql`true`;
  if (binding.kind === "cells") return sql`i.cell = any(${[...binding.cells]}::text[])`;
  return sql`i.cell in (select c.name from clawfleet.cells c where c.settings ->> 'reach' = 'public')`;
}
