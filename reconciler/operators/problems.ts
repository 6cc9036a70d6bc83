/** Refusals that several of the operators' verbs share. */
import { ClawfleetError } from "../errors.ts";

export function notFound(slug: string): ClawfleetError {
  return new ClawfleetError({
    code: "not_found",
    message: `there is no instance named ${slug}`,
    remedy: "fleet list shows every name",
    retry: { kind: "permanent" },
  });
}

export function held(slug: string): ClawfleetError {
  return new ClawfleetError({
    code: "conflict",
    message: `${slug} is held as it is by its override`,
    remedy: `take clawfleet:hold out of stacks/Pulumi.${slug}.yaml first`,
    retry: { kind: "permanent" },
  });
}

export function refused(message: string, remedy?: string): ClawfleetError {
  return new ClawfleetError({
    code: "conflict",
    message,
    ...(remedy === undefined ? {} : { remedy }),
    retry: { kind: "permanent" },
  });
}

export function noCell(name: string): ClawfleetError {
  return new ClawfleetError({
    code: "not_found",
    message: `there is no cell ${name}`,
    remedy: "fleet cells shows every one; a new one needs stacks/Pulumi.cell.<name>.yaml",
    retry: { kind: "permanent" },
  });
}
