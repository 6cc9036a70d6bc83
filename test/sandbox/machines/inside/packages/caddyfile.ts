/** The Caddyfile's syntax: lines of words, blocks in braces at the end of a line, comments. */

export type Directive = { words: string[]; block: Directive[] };

/** @throws for braces that do not match. */
export function parseCaddyfile(text: string): Directive[] {
  const open: Directive[] = [{ words: [], block: [] }];
  for (const line of text.split("\n").map((one) => one.trim())) {
    if (line === "" || line.startsWith("#")) continue;
    if (line === "}") {
      open.pop();
      if (open.length === 0) throw new Error("unexpected }");
      continue;
    }
    const opens = line === "{" || line.endsWith(" {");
    const words = line.split(/\s+/).filter((word) => word !== "{");
    const directive: Directive = { words, block: [] };
    open.at(-1)?.block.push(directive);
    if (opens) open.push(directive);
  }
  if (open.length > 1) throw new Error("a block is not closed");
  return open[0]?.block ?? [];
}
