/** A PostgreSQL that dies hard and comes back on the same port with the same data. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { startEmbedded, type RunningDatabase } from "../../reconciler/db/embedded.ts";
import { findFreePort } from "../../reconciler/db/free-port.ts";

export type KillableDatabase = {
  url: string;
  /** SIGKILL for the server; resolves when it takes connections again. */
  killAndRestart(): Promise<void>;
  stop(): Promise<void>;
};

/** Keeps its data in `dir`, which exists. */
export async function startKillableDatabase(dir: string): Promise<KillableDatabase> {
  const options = { dataDir: dir, port: await findFreePort() };
  let running: RunningDatabase = await startEmbedded(options);
  let turn: Promise<unknown> = Promise.resolve();

  async function restart(): Promise<void> {
    const pid = Number(
      (await readFile(join(dir, "postgres", "cluster", "postmaster.pid"), "utf8")).split("\n")[0],
    );
    process.kill(pid, "SIGKILL");
    await running.stop();
    running = await startEmbedded(options);
  }

  return {
    url: running.url,
    killAndRestart() {
      const mine = turn.then(restart);
      turn = mine.catch(() => undefined);
      return mine;
    },
    async stop() {
      await turn;
      await running.stop();
    },
  };
}
