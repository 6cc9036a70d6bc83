/**
 * Proves that the handbook's table of connections is what the code allows. Cannot prove that nobody opens more: a test with
 * real processes counts them.
 */
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { mostConnections, poolSize } from "../../reconciler/db/connections.ts";

const handbook = await readFile(new URL("../../docs/operations.md", import.meta.url), "utf8");

function rowOf(start: string): string[] {
  const line = handbook.split("\n").find((one) => one.startsWith(`| ${start}`)) ?? "";
  return line.split("|").map((cell) => cell.replaceAll("*", "").trim());
}

/** "8 + 4n" for n. */
function evaluate(text: string, n: number): number {
  const [, base = "0", factor = "0"] = /^(\d+)(?: \+ (\d+)n)?$/.exec(text) ?? [];
  return Number(base) + Number(factor) * n;
}

describe("the handbook's table of connections", () => {
  it.each([1, 2, 8])("is true for %i converges at once", (slots) => {
    const [, , serve = "", work = "", start = ""] = rowOf("together");
    expect(evaluate(serve, slots)).toBe(mostConnections("serve", slots));
    expect(evaluate(work, slots)).toBe(mostConnections("work", slots));
    expect(evaluate(start, slots)).toBe(mostConnections("start", slots));
    const [, , servePool = "", workPool = "", startPool = ""] = rowOf("our pool");
    expect(evaluate(servePool, slots)).toBe(poolSize("serve", slots));
    expect(evaluate(workPool, slots)).toBe(poolSize("work", slots));
    expect(evaluate(startPool, slots)).toBe(poolSize("start", slots));
  });

  it.each([1, 4, 10])("is true for %i workers of two converges", (workers) => {
    const together = (serves: number) =>
      serves * mostConnections("serve", 0) + workers * mostConnections("work", 2);
    expect(rowOf(`${workers} `).slice(2, 4)).toEqual([String(together(1)), String(together(2))]);
  });
});
