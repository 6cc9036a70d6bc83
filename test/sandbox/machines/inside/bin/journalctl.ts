#!/run/sandbox/node
/** journalctl: what a unit wrote. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { journalFolder } from "../service.ts";
import { toUnitName } from "../units.ts";

const { values } = parseArgs({
  options: {
    unit: { type: "string", short: "u" },
    lines: { type: "string", short: "n" },
    "no-pager": { type: "boolean" },
    output: { type: "string", short: "o" },
    since: { type: "string" },
  },
});
const names = values.unit === undefined ? readdirSync(journalFolder) : [toUnitName(values.unit)];
const lines = names
  .map((name) => `${journalFolder}/${name}`)
  .filter((path) => existsSync(path))
  .flatMap((path) => readFileSync(path, "utf8").trimEnd().split("\n"));
const shown = values.lines === undefined ? lines : lines.slice(-Number(values.lines));
process.stdout.write(shown.length === 0 ? "-- No entries --\n" : `${shown.join("\n")}\n`);
