/** Notices that somebody brought the database to a newer version while this process runs. */
import type { Logger } from "pino";
import { isClawfleetError, type ClawfleetError } from "../errors.ts";

export type SchemaWatch = {
  /** Resolves when this process must not go on; never otherwise. */
  outdated: Promise<ClawfleetError>;
  stop(): void;
};

const intervalMs = 10_000;

/** `check` throws config_invalid for a database that is not ours; any other failure says nothing about it. */
export function watchSchema(check: () => Promise<void>, log: Logger): SchemaWatch {
  const { promise, resolve } = Promise.withResolvers<ClawfleetError>();
  const timer = setInterval(() => {
    check().catch((error: unknown) => {
      if (!isClawfleetError(error)) return log.debug({ err: error }, "cannot look at the schema");
      clearInterval(timer);
      resolve(error);
    });
  }, intervalMs);
  return { outdated: promise, stop: () => clearInterval(timer) };
}
