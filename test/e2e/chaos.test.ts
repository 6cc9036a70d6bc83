/**
 * Proves with one short storm, always the same list of disturbances, that nothing is leaked, duplicated, lost or stuck, and
 * that the command says so, exits with 0 and leaves no process and no folder. Longer storms: npm run chaos.
 */
import { spawn } from "node:child_process";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findTestEngine } from "../support/engine.ts";
import { eventually } from "../support/poll.ts";
import { findByEnvironment } from "../support/processes.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const hasEngine = (await findTestEngine()) !== undefined;

/** Its temporary folder marks whatever it starts. */
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "chaos-test-"));
  // PostgreSQL runs as another user when this process is root.
  await chmod(folder, 0o755);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Chaos = { output: () => string; ended: Promise<number>; interrupt(): void };

function startChaos(...args: string[]): Chaos {
  const child = spawn(process.execPath, ["--import", "tsx", "test/chaos/main.ts", ...args], {
    cwd: root,
    env: { ...process.env, TMPDIR: folder },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  return {
    output: () => output,
    ended: new Promise((resolve) => child.once("close", (code) => resolve(code ?? -1))),
    interrupt: () => void child.kill("SIGINT"),
  };
}

async function expectNothingLeft(): Promise<void> {
  expect((await readdir(folder)).filter((name) => name.startsWith("clawfleet-"))).toEqual([]);
  expect(await findByEnvironment(`TMPDIR=${folder}`)).toEqual([]);
}

describe.skipIf(!hasEngine)("a storm", () => {
  test("of twelve kills leaves nothing behind", async () => {
    const chaos = startChaos("--kills", "12", "--seed", "15");
    const code = await chaos.ended;
    const output = chaos.output();
    expect(output).toMatch(/\nleaked 0, duplicated 0, lost 0, stuck 0\n$/);
    expect(output).toContain("the storm is over: 12 killed\n");
    expect(code).toBe(0);
    await expectNothingLeft();
  });

  test("that is interrupted takes everything down", async () => {
    const chaos = startChaos("--kills", "200", "--seed", "15");
    await eventually("something was killed", () => chaos.output().includes("  killed "));
    chaos.interrupt();
    expect({ code: await chaos.ended, said: chaos.output() }).toMatchObject({ code: 130 });
    await expectNothingLeft();
  });
});
