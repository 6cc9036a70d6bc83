/** `make test`: a Chromium for the console's tests, from Debian's own packages. Says what it does; that there is none fails nothing. */
import { runCommand } from "../../infra/engine/tools.ts";
import { findChromium } from "./chromium.ts";

const longMs = 10 * 60_000;
const say = (line: string) => void process.stdout.write(`${line}\n`);

/** undefined: done; else what was said. */
async function apt(args: readonly string[]): Promise<string | undefined> {
  const waiting = ["-q", "-o", "DPkg::Lock::Timeout=300"];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { code, stderr, stdout } = await runCommand("apt-get", [...waiting, ...args], {
    timeoutMs: longMs,
    env,
  });
  return code === 0
    ? undefined
    : (`${stdout}\n${stderr}`.trim().split("\n").at(-1) ?? `it ended with ${code}`);
}

async function install(): Promise<void> {
  if (findChromium() !== undefined) return;
  const skipped = "the console's tests in a browser will be skipped";
  if (process.getuid?.() !== 0) return say(`no Chromium here, and no root to install it: ${skipped}`);
  const { code } = await runCommand("/bin/sh", ["-c", "command -v apt-get"], { timeoutMs: 5_000 });
  if (code !== 0) return say(`no Chromium here, and no apt to install it with: ${skipped}`);
  say("installing chromium by apt, for the console's tests (about 1 minute)");
  const problem =
    (await apt(["update"])) ?? (await apt(["-y", "install", "--no-install-recommends", "chromium"]));
  if (problem !== undefined) return say(`chromium could not be installed (${problem}): ${skipped}`);
  if (findChromium() === undefined) say(`apt knows another chromium than this one: ${skipped}`);
}

await install();
