#!/run/sandbox/node
/** systemctl: asks process 1. */
import { readdirSync } from "node:fs";
import { askControl } from "../control.ts";

const given = process.argv.slice(2);
// `--property` takes the next word.
const words = given.filter((word, index) => word !== "--property" && given[index - 1] !== "--property");
const flags = new Set(words.filter((word) => word.startsWith("-")));
const [verb = "list-units", ...units] = words.filter((word) => !word.startsWith("-"));
const signal = words.find((word) => word.startsWith("--signal="))?.slice("--signal=".length);
const known = [
  "--now",
  "--quiet",
  "-q",
  "--no-pager",
  "--no-block",
  "--force",
  "--value",
  `--signal=${signal}`,
];
const unknown = [...flags].filter((flag) => !known.includes(flag));
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
  const { code, output } = await askControl({
    verb,
    units,
    now: flags.has("--now"),
    ...(signal === undefined ? {} : { signal }),
    ...(given.includes("--property") ? { property: given[given.indexOf("--property") + 1] ?? "" } : {}),
  });
  const quiet = flags.has("--quiet") || flags.has("-q");
  if (!quiet)
    (verb.startsWith("is-") || verb === "status" || verb === "show" ? process.stdout : process.stderr).write(
      output,
    );
  process.exitCode = code;
}
