/** Refusals that several of the operators' verbs share. */
import type { InstanceRow } from "../db/instances.ts";
import { permanent, type ClawfleetError } from "../errors.ts";

export function notFound(slug: string): ClawfleetError {
  return permanent("not_found", `there is no instance named ${slug}`, "fleet list shows every name");
}

export function held(slug: string): ClawfleetError {
  return permanent(
    "conflict",
    `${slug} is held as it is by its override`,
    `take clawfleet:hold out of stacks/Pulumi.${slug}.yaml first`,
  );
}

/** Its server is gone and its data kept: no run makes anything of it until it comes back. */
export function isArchived(
  row: Pick<InstanceRow, "phase" | "status" | "generation" | "observedGeneration">,
): boolean {
  return row.phase === "archived" && row.status === "ready" && row.observedGeneration >= row.generation;
}

export function archived({ slug, phaseReason }: Pick<InstanceRow, "slug" | "phaseReason">): ClawfleetError {
  return refused(
    `${slug} has no server any more: it is archived, ${phaseReason}`,
    `it comes back when it is paid for again; fleet resume ${slug} takes an operator's order back`,
  );
}

export function refused(message: string, remedy?: string): ClawfleetError {
  return permanent("conflict", message, remedy);
}

export function noCell(name: string): ClawfleetError {
  return permanent(
    "not_found",
    `there is no cell ${name}`,
    "fleet cells shows every one; a new one needs stacks/Pulumi.cell.<name>.yaml",
  );
}
