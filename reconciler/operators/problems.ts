/** Refusals that several of the operators' verbs share. */
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
