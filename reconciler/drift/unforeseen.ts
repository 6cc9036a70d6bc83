/** What a run would do beyond the drift that was found: nobody has asked for that. Pure. */
import type { PlannedStep } from "../gitops/plan.ts";
import { toSteps } from "../gitops/steps.ts";
import { irreplaceable, isAbsence, type Difference } from "./compare.ts";
import { kindOfType } from "./objects.ts";

export type PreviewedStep = { resource: string; type: string; op: string };

/** Runs again with whatever it belongs to, and holds nothing. */
const commandTypes = /^command:/;

/** As a person reads it, `create network`: what no finding names, and whatever would lose a disk or a network. */
export function findUnforeseen(steps: readonly PreviewedStep[], found: readonly Difference[]): string[] {
  const types = new Map(steps.map(({ resource, type }) => [resource, type]));
  return toSteps(steps)
    .filter((step) => !isForeseen(step, types.get(step.resource) ?? "", found))
    .map(({ resource, op }) => `${op} ${resource}`);
}

function isForeseen({ op }: PlannedStep, type: string, found: readonly Difference[]): boolean {
  if (commandTypes.test(type)) return true;
  const kind = kindOfType(type);
  if (kind === undefined || op === "delete") return false;
  if (irreplaceable.has(kind) && op !== "update") return false;
  const about = found.filter((difference) => difference.kind === kind);
  return op === "create" ? about.some(isAbsence) : about.some(({ property }) => property !== undefined);
}
