/**
 * Proves that a folder's README names every file and folder beside it, and no file that is gone. It cannot prove that what it
 * says of them is true. The root's README has a map of folders instead; `stacks/` belongs to whoever runs the service.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const tops = ["reconciler", "infra", "components", "cloud-init", "test"];
const paths = tops.flatMap((top) =>
  readdirSync(join(root, top), { recursive: true, encoding: "utf8" }).map((path) => join(top, path)),
);
const known = new Set(paths.map((path) => basename(path)));
const readmes = paths.filter((path) => basename(path) === "README.md");

/** What stands in backticks, without the folders before it and the slash behind it: `gate/gate.ts`, `assets/`, `fleet-*`. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, quoted = ""]) => basename(quoted));
}

const toPattern = (name: string) =>
  new RegExp(`^${name.replaceAll(/[^\w*-]/g, String.raw`\$&`).replaceAll("*", ".*")}$`);

test("there are READMEs to look at", () => {
  expect(readmes.length).toBeGreaterThan(15);
});

test.each(readmes)("%s names what is beside it", (readme) => {
  const patterns = namesIn(readFileSync(join(root, readme), "utf8")).map(toPattern);
  const beside = readdirSync(join(root, dirname(readme))).filter((name) => name !== "README.md");
  expect(beside.filter((name) => !patterns.some((pattern) => pattern.test(name)))).toEqual([]);
});

test.each(readmes)("%s names no file that is gone", (readme) => {
  const scripts = namesIn(readFileSync(join(root, readme), "utf8")).filter((name) =>
    /^[\w.-]+\.(ts|tsx|mjs|sh)$/.test(name),
  );
  expect(scripts.filter((name) => !known.has(name))).toEqual([]);
});
