/** A worker's sign of life: which cells it serves, for `fleet cells` and for noticing that nobody does. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { forgetWorker, reportWorker, workerSilenceMs } from "../db/workers.ts";
import type { Remit } from "../queue/binding.ts";

export type Presence = {
  /** From now on it takes nothing. */
  drain(): Promise<void>;
  stop(): Promise<void>;
};

export async function startPresence(
  deps: { sql: Sql; log: Logger; name: string },
  worker: Remit & { slots: number },
): Promise<Presence> {
  let draining = false;
  const report = () => reportWorker(deps.sql, { name: deps.name, ...worker, draining });
  const complain = (error: unknown) => deps.log.warn({ err: error }, "cannot give a sign of life");
  await report();
  const timer = setInterval(() => void report().catch(complain), workerSilenceMs / 4);
  return {
    async drain() {
      draining = true;
      await report().catch(complain);
    },
    async stop() {
      clearInterval(timer);
      await forgetWorker(deps.sql, deps.name).catch(complain);
    },
  };
}
