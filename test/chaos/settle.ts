/** Waits, within a bound, until nothing is under way any more. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "./arena.ts";
import { readWorld } from "./read-world.ts";
import { findUnrest, type World } from "./world.ts";

export type SettleOptions = {
  boundMs: number;
  /** Names whose clouds another hand changed: looked at with a refresh, as an operator's `fleet apply --refresh`. */
  drifted: ReadonlySet<string>;
  say: (line: string) => void;
  signal: AbortSignal;
};

const lookMs = 1_500;
const tellMs = 10_000;
/** At rest more than once: between two sweeps everything may look done. */
const looksAtRest = 3;

/** Resolves to the seconds that it took, undefined when the bound came first. */
export async function settle(arena: Arena, options: SettleOptions): Promise<number | undefined> {
  const started = Date.now();
  const open = new Set(options.drifted);
  let quiet = 0;
  let told = 0;
  while (Date.now() - started < options.boundMs && !options.signal.aborted) {
    for (const slug of open) if (await askForRefresh(arena, slug)) open.delete(slug);
    const unrest = await readWorld(arena, { ask: false }).then(describeUnrest, (error: unknown) => [
      `the world cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    ]);
    quiet = unrest.length === 0 && open.size === 0 ? quiet + 1 : 0;
    if (quiet >= looksAtRest) return (Date.now() - started) / 1000;
    if (Date.now() - told > tellMs) {
      told = Date.now();
      options.say(`settling: ${unrest.length} open, such as ${unrest[0] ?? "a last look"}`);
    }
    await sleep(lookMs, undefined, { signal: options.signal }).catch(() => undefined);
  }
  return undefined;
}

function describeUnrest(world: World): string[] {
  return [...findUnrest(world), ...world.orphans.map((command) => `process ${command}`)];
}

/** False when nobody took the request: it is asked again. A name that is gone needs none. */
async function askForRefresh(arena: Arena, slug: string): Promise<boolean> {
  const [row] = await arena.sql<{ ready: boolean }[]>`
    select status = 'ready' as ready from clawfleet.instances where slug = ${slug} and status <> 'gone'`.catch(
    () => [{ ready: false }],
  );
  if (!row) return true;
  // While it is on its way it would be asked too early.
  if (!row.ready) return false;
  const authorization = `Bearer ${arena.sandbox.env["CLAWFLEET_ADMIN_KEY"] ?? ""}`;
  for (const url of arena.workerUrls) {
    const answer = await fetch(`${url}/api/v1/instances/${slug}/apply?refresh=true`, {
      method: "POST",
      headers: { authorization },
      signal: AbortSignal.timeout(10_000),
    }).catch(() => undefined);
    if (answer?.ok === true || answer?.status === 404) return true;
  }
  return false;
}
