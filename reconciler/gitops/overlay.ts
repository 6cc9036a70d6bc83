/** `stacks/` as it is with some of its files exchanged: what it was before a change, and what it would be after it. Pure. */
import { keyOfFile, parseFiles, parsePlansIn, plansFile, type StackFiles } from "../desired/stack-files.ts";
import { messageOf } from "../errors.ts";
import type { Texts } from "./git.ts";

/** Plans that cannot be read stay as they are, and say so under the file's own name. */
export function overlayFiles(current: StackFiles, changed: Texts, folder: string): StackFiles {
  const files = {
    plans: current.plans,
    cells: new Map(current.cells),
    overrides: new Map(current.overrides),
    broken: new Map(current.broken),
  };
  const texts = new Map<string, string>();
  for (const [name, text] of changed) {
    const about = keyOfFile(name);
    if (about?.kind === "override") files.overrides.delete(about.key);
    if (about?.kind === "cell") files.cells.delete(about.key);
    if (about) files.broken.delete(about.kind === "cell" ? `cell.${about.key}` : about.key);
    if (text !== null) texts.set(name, text);
  }
  const parsed = parseFiles(texts, folder);
  for (const [key, cell] of parsed.cells) files.cells.set(key, cell);
  for (const [key, override] of parsed.overrides) files.overrides.set(key, override);
  for (const [key, problem] of parsed.broken) files.broken.set(key, problem);
  if (changed.has(plansFile)) {
    try {
      files.plans = parsePlansIn(texts, folder);
    } catch (error) {
      files.broken.set(plansFile, messageOf(error));
    }
  }
  return files;
}
