#!/run/sandbox/node
/** systemctl: asks process 1. */
import { readdirSync } from "node:fs";
import { askControl } from "../control.ts";

const words = process.argv.slice(2);
const flags = new Set(words.filter((word) => word.startsWith("-")));
const [verb = "list-units", ...units] = words.filter((word) => !word.startsWith("-"));
const unknown = [...flags].filter(
  (flag) => !["--now", "--quiet", "-q", "--no-pager", "--no-block", "--force"].includes(flag),
);
if (unknown.length > 0) {
  process.stderr.write(`systemctl: unrecognized option '${unknown[0]}'\n`);
  process.exit(1);
}
if (verb === "list-units") {
  process.stdout.write(readdirSync("/etc/systemd/system").join("\n"));
} else if (units.length === 0 && verb !== "daemon-reload") {
  process.stderr.write("Too few arguments.\n");
  process.exitCode = 1;
} else {
  const { code, output } = await askControl({ verb, units, now: flags.has("--now") });
  const quiet = flags.has("--quiet") || flags.has("-q");
  if (!quiet) (verb.startsWith("is-") || verb === "status" ? process.stdout : process.stderr).write(output);
  process.exitCode = code;
}
