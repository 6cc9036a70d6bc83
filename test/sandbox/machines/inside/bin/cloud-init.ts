#!/run/sandbox/node
/** cloud-init: only `status`, with `--wait`. Status codes: 0 fine, 1 failed, 2 recoverable. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { statusFile } from "../first-boot.ts";

const [verb, ...flags] = process.argv.slice(2);
if (verb !== "status") {
  process.stderr.write("usage: cloud-init status [--wait]\n");
  process.exit(2);
}
const deadline = Date.now() + 15 * 60_000;
let status = readFileSync(statusFile, "utf8");
while (status === "running" && flags.includes("--wait") && Date.now() < deadline) {
  await sleep(20);
  status = readFileSync(statusFile, "utf8");
}
process.stdout.write(`status: ${status}\n`);
process.exitCode = status === "error" ? 1 : 0;
