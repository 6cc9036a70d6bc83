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
  const begun = new Set(marks.map((mark) => stageOf(mark.resource)));
  const current =
    stages.findLast((stage) => begun.has(stage) && !done.has(stage)) ??
    stages.find((stage) => !done.has(stage));
  return { done, current };
}
