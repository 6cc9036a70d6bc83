/** `make test`: a Chromium for the console's tests, from Debian's own packages. Says what it does; that there is none fails nothing. */
import { apt, findAptObstacle } from "./apt.ts";
import { findChromium } from "./chromium.ts";

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function install(): Promise<void> {
  if (findChromium() !== undefined) return;
  const skipped = "the console's tests in a browser will be skipped";
  const obstacle = await findAptObstacle();
  if (obstacle !== undefined) return say(`no Chromium here, and ${obstacle}: ${skipped}`);
  say("installing chromium by apt, for the console's tests (about 1 minute)");
  const problem =
    (await apt(["update"])) ?? (await apt(["-y", "install", "--no-install-recommends", "chromium"]));
  if (problem !== undefined) return say(`chromium could not be installed (${problem}): ${skipped}`);
  if (findChromium() === undefined) say(`apt knows another chromium than this one: ${skipped}`);
}

await install();
