/** How far an instance has come, stage by stage, from what the engine said of its resources. Pure. */
import { stageOf, stageResources, stages, type Stage } from "./engine-events.ts";
import type { ResourceMark } from "./rows.ts";

export type Progress = { done: ReadonlySet<Stage>; current: Stage | undefined };

export function toProgress(marks: readonly ResourceMark[]): Progress {
  const finished = new Set(
    marks.filter((mark) => mark.kind === "resource-done").map((mark) => mark.resource),
  );
  const done = new Set(
    stages.filter((stage) => stageResources[stage].every((resource) => finished.has(resource))),
  );
  // What is being worked on counts, not what was: the firewall is made long before the rest of its stage.
  const open = new Set(
    marks.filter((mark) => !finished.has(mark.resource)).map((mark) => stageOf(mark.resource)),
  );
  const current = stages.findLast((stage) => open.has(stage)) ?? stages.find((stage) => !done.has(stage));
  return { done, current };
}
