/** SIGKILL for workers, engines, runners, provider servers and the database, found in /proc as they are now. */
import { setTimeout as sleep } from "node:timers/promises";
import { below, listProcesses, type ProcessInfo } from "../support/processes.ts";
import { tryKill, type Arena } from "./arena.ts";
import type { Kill } from "./plan.ts";

/** What was hit, in words, and the stacks that were being worked on there. */
export type Hit = { text: string; slugs: string[] };

/** Time to wait for somebody to kill. */
const patienceMs = 6_000;

/** undefined: there was nobody to kill within the patience. */
export async function strike(arena: Arena, kill: Kill, signal: AbortSignal): Promise<Hit | undefined> {
  switch (kill.kind) {
    case "worker":
      return await waitFor(signal, () => killWorker(arena, kill.index, kill.whole));
    case "engine":
      return (
        (await waitFor(signal, () => killOne(arena, isEngine, "Pulumi CLI", kill.share))) ??
        (await killInstead(arena, kill.share))
      );
    case "runner":
      return (
        (await waitFor(signal, () => killOne(arena, isRunner, "runner", kill.share))) ??
        (await killInstead(arena, kill.share))
      );
    case "provider":
      return await waitFor(signal, () => killProvider(arena, `provider ${kill.name}`));
    case "database": {
      const slugs = stacksOf(await findWork(arena));
      await arena.database.killAndRestart();
      return { text: "killed PostgreSQL and started it again", slugs };
    }
  }
}

async function waitFor(
  signal: AbortSignal,
  attempt: () => Promise<Hit | undefined>,
): Promise<Hit | undefined> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const hit = await attempt();
    if (hit || Date.now() > deadline || signal.aborted) return hit;
    await sleep(100);
  }
}

async function killProvider(arena: Arena, name: string): Promise<Hit | undefined> {
  const pid = arena.providers.find((one) => one.name === name)?.pid();
  if (pid === undefined || !tryKill(pid)) return undefined;
  return { text: `killed ${name} (${pid})`, slugs: stacksOf(await findWork(arena)) };
}

/** When no run was under way for so long: a provider server is always there. */
async function killInstead(arena: Arena, share: number): Promise<Hit | undefined> {
  const chosen = arena.providers[Math.floor(share * arena.providers.length)];
  return chosen && (await killProvider(arena, chosen.name));
}

async function killWorker(arena: Arena, index: number, whole: boolean): Promise<Hit | undefined> {
  const worker = arena.workers[index];
  const pid = worker?.pid();
  if (worker === undefined || pid === undefined) return undefined;
  const children = below(await listProcesses(), pid);
  const slugs = stacksOf(children);
  // The worker first: nobody of its own sees the others die.
  if (!tryKill(pid)) return undefined;
  if (whole) for (const child of children) tryKill(child.pid);
  const others = whole ? ` and ${children.length} processes below it` : ", and left its children";
  return { text: `killed ${worker.name} (${pid})${others}`, slugs };
}

async function killOne(
  arena: Arena,
  wanted: (one: ProcessInfo) => boolean,
  what: string,
  share: number,
): Promise<Hit | undefined> {
  const all = await findWork(arena);
  const candidates = all.filter(wanted);
  const chosen = candidates[Math.floor(share * candidates.length)];
  if (!chosen || !tryKill(chosen.pid)) return undefined;
  const concerned = [chosen, ...all.filter(({ parent }) => parent === chosen.pid)];
  const verb = isEngine(chosen) ? ` ${chosen.command.split(" ").slice(1, 3).join(" ")}` : "";
  return { text: `killed a ${what}${verb} (${chosen.pid})`, slugs: stacksOf(concerned) };
}

/** Below the workers, and what outlived one. */
async function findWork(arena: Arena): Promise<ProcessInfo[]> {
  return (await arena.findProcesses()).filter((one) => isEngine(one) || isRunner(one));
}

export function isEngine({ command }: ProcessInfo): boolean {
  return /^\S*\bpulumi /.test(command);
}

export function isRunner({ command }: ProcessInfo): boolean {
  return command.includes("infra/runner.ts");
}

function stacksOf(processes: readonly ProcessInfo[]): string[] {
  const names = processes.map(({ command }) => /--stack[ =](\S+)/.exec(command)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))];
}
