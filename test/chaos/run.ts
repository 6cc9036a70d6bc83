/** One storm from its beginning to its count. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startArena, type Arena } from "./arena.ts";
import { audit, countFindings, describeCounts, type Finding } from "./audit.ts";
import { calm } from "./cloud-faults.ts";
import { createCustomers } from "./customers.ts";
import { createJournal, renderEntry, type Journal } from "./journal.ts";
import type { ChaosOptions } from "./options.ts";
import { planStorm } from "./plan.ts";
import { readWorld } from "./read-world.ts";
import { readOperations, renderFindings } from "./report.ts";
import { settle } from "./settle.ts";
import { storm } from "./storm.ts";
import type { World } from "./world.ts";

/** True: nothing was found. undefined: ended early by the signal. */
export async function runChaos(
  options: ChaosOptions,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const home = await mkdtemp(join(tmpdir(), `clawfleet-chaos-${options.seed}-`));
  // PostgreSQL runs as another user when this process is root, and has to get through.
  await chmod(home, 0o755);
  const started = Date.now();
  const say = (line: string): void => print(`${elapsed(started)}  ${line}`);
  const journal = createJournal(
    () => new Date(),
    ({ text, slugs }) => say(`${text}${slugs.length > 0 ? ` (${slugs.join(", ")})` : ""}`),
  );
  let keep = true;
  try {
    say(`seed ${options.seed}, ${options.kills} kills; logs in ${home}`);
    const arena = await startArena({ home, say: (line) => journal.note(line) });
    try {
      const findings = await rage(arena, options, { home, journal, say, signal });
      if (findings === undefined) {
        keep = false;
        return undefined;
      }
      await tell(arena, findings, { home, journal, print });
      keep = findings.length > 0 || options.keep;
      return findings.length === 0;
    } finally {
      await arena.close();
    }
  } finally {
    if (!keep) await rm(home, { recursive: true, force: true });
  }
}

type Rage = { home: string; journal: Journal; say: (line: string) => void; signal: AbortSignal };

async function rage(
  arena: Arena,
  options: ChaosOptions,
  { home, journal, say, signal }: Rage,
): Promise<Finding[] | undefined> {
  const customers = createCustomers(arena);
  const { kills, missed } = await storm({ arena, customers, journal }, planStorm(options), signal);
  if (signal.aborted) return undefined;
  calm(arena);
  say(`the storm is over: ${kills} killed${missed > 0 ? `, ${missed} found nobody` : ""}`);
  const drifted = customers.drifted();
  const seconds = await settle(arena, { boundMs: options.settleMs, drifted, say, signal });
  if (signal.aborted) return undefined;
  say(seconds === undefined ? "it did not come to rest" : `at rest after ${seconds.toFixed(0)} s`);
  const world = await readWorld(arena, { ask: true });
  await writeFile(join(home, "world.json"), renderWorld(world));
  const findings = audit(world);
  await arena.stopWorkers();
  const left = await arena.findProcesses();
  return [
    ...findings,
    ...left.map(({ pid, command }) => ({
      verdict: "leaked" as const,
      text: `process ${pid} outlived the services: ${command.slice(0, 120)}`,
      stack: undefined,
    })),
  ];
}

async function tell(
  arena: Arena,
  findings: readonly Finding[],
  { home, journal, print }: { home: string; journal: Journal; print: (line: string) => void },
): Promise<void> {
  const operations = await readOperations(arena.sql);
  await writeFile(join(home, "journal.txt"), `${journal.entries().map(renderEntry).join("\n")}\n`);
  await writeFile(
    join(home, "operations.txt"),
    `${operations.map(({ stack, at, text }) => `${at.toISOString()} ${stack} ${text}`).join("\n")}\n`,
  );
  if (findings.length > 0) {
    const lines = renderFindings(findings, journal.entries(), operations);
    await writeFile(join(home, "findings.txt"), `${lines.join("\n")}\n`);
    print(["", ...lines, "", `logs and journal: ${home}`].join("\n"));
  }
  print(describeCounts(countFindings(findings)));
}

function renderWorld(world: World): string {
  return `${JSON.stringify({ ...world, answers: Object.fromEntries(world.answers) }, null, 2)}\n`;
}

function elapsed(since: number): string {
  const seconds = Math.floor((Date.now() - since) / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
}
