/** The lab, once its doors are closed: machines and networks, the sandbox's clouds, the real reconciler, the story, the table. */
import { createStages, renderStages } from "../sandbox/demo/stages.ts";
import type { LabFolders } from "./folders.ts";
import { createLab, type Lab } from "./lab.ts";
import { tellStory } from "./story/story.ts";

const print = (line: string) => process.stdout.write(`${line}\n`);
const stages = createStages(print);
const folders = JSON.parse(process.argv[2] ?? "{}") as LabFolders;
let lab: Lab | undefined;
let stopped = false;

/** Ctrl-C, or whoever started us is gone. */
async function stop(): Promise<void> {
  if (stopped) return;
  stopped = true;
  print("\ntaking everything down");
  await lab?.close();
  process.exit(130);
}

process.stdin.on("end", () => void stop()).resume();
process.on("SIGINT", () => void stop()).on("SIGTERM", () => void stop());

let held = true;
let told = false;
try {
  lab = await createLab(folders, stages);
  told = await tellStory(lab, process.env["LAB_UNTIL"]);
} catch (error) {
  held = false;
  if (!stopped) {
    print(`\n${error instanceof Error ? error.message : String(error)}`);
    await lab?.printTrouble(print);
  }
}
if (!stopped) {
  stopped = true;
  await stages.run("everything taken down", async () => lab?.close()).catch(() => (held = false));
  print(`\n${renderStages(stages.results())}`);
  const outcome = told ? "every stage held" : "the stages up to LAB_UNTIL held";
  print(`\n${held ? outcome : "a stage did not hold; see above"}`);
  process.exit(held ? 0 : 1);
}
