/** Proves which files a plan may put into a workspace. What becomes of them there is in seed-workspace.test.ts. */
import { expect, test } from "vitest";
import { planSchema } from "../../infra/plans.ts";

const plan = {
  name: "Starter",
  summary: "One assistant.",
  stripeLookupKey: "starter",
  serverTypes: ["cx23"],
  locations: ["nbg1"],
};
const four = Object.fromEntries(["a", "b", "c", "d"].map((name) => [`${name}.md`, "x".repeat(15_001)]));

test.each<[string, Record<string, string>, boolean]>([
  ["a skill", { "skills/bills/SKILL.md": "how to" }, true],
  ["memory", { "MEMORY.md": "", "memory/2026-11-21.md": "" }, true],
  ["a path out of the workspace", { "../x": "" }, false],
  ["one on the way", { "skills/../../x": "" }, false],
  ["a hidden file", { ".git/config": "" }, false],
  ["an absolute path", { "/etc/x": "" }, false],
  ["a file that OpenClaw would cut", { "AGENTS.md": "x".repeat(20_001) }, false],
  ["more than OpenClaw reads", four, false],
])("%s", (_what, workspace, fine) => {
  expect(planSchema.safeParse({ ...plan, workspace }).success).toBe(fine);
});
