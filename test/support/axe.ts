/** What axe-core finds on a page that keeps somebody from using it. */
import axe from "axe-core";
import type { Page } from "playwright-core";

type Finding = { id: string; impact: string | null; help: string; nodes: string[] };

/** Serious and critical ones. */
export async function findBarriers(page: Page): Promise<Finding[]> {
  // By the debugger, which the page's policy against foreign scripts does not concern.
  await page.evaluate(axe.source);
  const found: Finding[] =
    await page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, nodes: nodes.map(({ html }) => html) })))`);
  return found.filter(({ impact }) => impact === "serious" || impact === "critical");
}
