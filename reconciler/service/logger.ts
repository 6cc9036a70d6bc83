/** One JSON line for each event on standard output, without any secret that we know. */
import { destination, pino, type Logger } from "pino";
import type { WorkConfig } from "../config.ts";
import { traceFields } from "../tracing.ts";
import { createRedact } from "../operations/redact.ts";

export function createLogger(config: Pick<WorkConfig, "logLevel" | "secretValues">): Logger {
  const redact = createRedact(config.secretValues);
  const out = destination({ dest: 1, sync: false });
  // The finished line is cleaned: no field of no object can carry a known secret past this.
  const stream = { write: (line: string) => void out.write(redact(line)) };
  return pino({ level: config.logLevel, base: { service: "clawfleet" }, mixin: traceFields }, stream);
}
