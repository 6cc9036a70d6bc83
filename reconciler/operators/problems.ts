/** Refusals that several of the operators' verbs share. */
import { ClawfleetError } from "../errors.ts";

export function notFound(slug: string): ClawfleetError {
  return new ClawfleetError({
    code: "not_found",
    message: `there is no instance named ${slug}`,
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
