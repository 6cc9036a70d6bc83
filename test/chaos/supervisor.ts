/** Keeps one process alive as systemd would: whoever ends it, another one comes up where its clients look for it. */
import { setTimeout as sleep } from "node:timers/promises";

export type Supervisable = {
  pid: number;
  /** Resolves to the exit code, however it ended. */
  ended: Promise<number>;
  /** As asked for, in order; resolves when it has ended. */
  stop(): Promise<unknown>;
};

export type Supervised = {
  name: string;
  /** undefined while it comes up. */
  pid(): number | undefined;
  /** How often it ended without having been told to: by a kill or by itself. */
  deaths(): number;
  /** Ends it for good. */
  stop(): Promise<void>;
};

export type SupervisorDeps = { say: (line: string) => void };

/** Between an end and the next start, as `RestartSec=1` says. */
const restartMs = 1_000;

/** Resolves when it is up for the first time. @throws when that start fails; later ones are tried again. */
export async function supervise(
  deps: SupervisorDeps,
  name: string,
  start: () => Promise<Supervisable>,
): Promise<Supervised> {
  let current: Supervisable | undefined = await start();
  let deaths = 0;
  const stopping = new AbortController();

  async function keep(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (current) {
        const code = await current.ended;
        current = undefined;
        if (stopping.signal.aborted) return;
        deaths += 1;
        // 137 is a kill of ours.
        if (code !== 137) deps.say(`${name} ended by itself with ${code}`);
      }
      await sleep(restartMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      current = await start().catch((error: unknown) => {
        deps.say(`${name} did not come up: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      });
    }
  }

  const kept = keep();
  return {
    name,
    pid: () => current?.pid,
    deaths: () => deaths,
    async stop() {
      stopping.abort();
      const last = current;
      await last?.stop();
      await kept;
      // One that came up meanwhile.
      if (current !== last) await current?.stop();
    },
  };
}
