/** `make test`: promtool out of Debian's package of Prometheus, which is not installed. That there is none fails nothing. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runCommand } from "../../infra/engine/tools.ts";
import { apt, findAptObstacle } from "./apt.ts";
import { findPromtool, ownPromtool } from "./promtool.ts";

const say = (line: string) => void process.stdout.write(`${line}\n`);
const unpack =
  'dpkg-deb --fsys-tarfile "$1"/prometheus_*.deb | tar -xO ./usr/bin/promtool > "$2" && chmod +x "$2"';

async function install(): Promise<void> {
  if (findPromtool() !== undefined) return;
  const skipped = "the alert rules will not be tried on samples";
  const obstacle = await findAptObstacle();
  if (obstacle !== undefined) return say(`no promtool here, and ${obstacle}: ${skipped}`);
  say("fetching promtool by apt, for the tests of the alert rules (20 MB)");
  const folder = await mkdtemp(join(tmpdir(), "clawfleet-promtool-"));
  try {
    const problem = (await apt(["update"])) ?? (await apt(["download", "prometheus"], folder));
    if (problem !== undefined) return say(`promtool could not be fetched (${problem}): ${skipped}`);
    await mkdir(dirname(ownPromtool), { recursive: true });
    const { code, stderr } = await runCommand("/bin/sh", ["-c", unpack, "sh", folder, ownPromtool], {
      timeoutMs: 120_000,
    });
    if (code === 0) return;
    await rm(ownPromtool, { force: true });
    say(`promtool could not be unpacked (${stderr.trim()}): ${skipped}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await install();
