#!/run/sandbox/node
/** curl: fetches Node and npm from the registry, as archives of what the sandbox has in their place. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { isRegistryAway } from "../registry.ts";

const words = process.argv.slice(2);
const target = words[words.indexOf("-o") + 1] ?? "";
const [, name = ""] =
  /registry\.npmjs\.org\/(node-linux-[a-z0-9]+|npm)\/-\/[a-z0-9-]+-[\d.]+\.tgz$/.exec(words.at(-1) ?? "") ??
  [];

function fail(code: number, message: string): never {
  process.stderr.write(`curl: (${code}) ${message}\n`);
  process.exit(code);
}

if (isRegistryAway()) fail(6, "Could not resolve host: registry.npmjs.org");
if (name === "") fail(22, "The requested URL returned error: 404");
const scratch = mkdtempSync("/tmp/curl-");
mkdirSync(`${scratch}/package/bin`, { recursive: true });
if (name === "npm") {
  writeFileSync(`${scratch}/package/package.json`, JSON.stringify({ name, type: "module" }));
  writeFileSync(`${scratch}/package/bin/npm-cli.js`, 'import "/run/sandbox/code/bin/npm.ts";\n');
} else symlinkSync("/run/sandbox/node", `${scratch}/package/bin/node`);
execFileSync("tar", ["-czf", target, "-C", scratch, "package"]);
