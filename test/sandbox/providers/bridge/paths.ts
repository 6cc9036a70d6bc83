/** Property paths as the engine writes them: `rules[0].port`, `labels["managed-by"]`. */

export type Step = string | number;

export function formatPath(steps: readonly Step[]): string {
  return steps.reduce<string>((text, step) => text + formatStep(step, text === ""), "");
}

function formatStep(step: Step, first: boolean): string {
  if (typeof step === "number") return `[${step}]`;
  if (!/^[A-Za-z_$][A-Za-z0-9_$]*$/.test(step)) return `["${step.replaceAll(/["\\]/g, "\\$&")}"]`;
  return first ? step : `.${step}`;
}

/** The first step of a written path. */
export function topLevelOf(path: string): string {
  const [head = path] = path.split(/[.[]/, 1);
  return head === "" ? (/^\["((?:[^"\\]|\\.)*)"\]/.exec(path)?.[1] ?? path) : head;
}
