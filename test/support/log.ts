/** A logger that keeps its lines, for tests that look at what operators would see. */
import { Writable } from "node:stream";
import { pino, type Logger } from "pino";

export type LogLine = { level: number; msg: string; [key: string]: unknown };

export function createTestLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const line: LogLine = JSON.parse(chunk.toString());
      lines.push(line);
      done();
    },
  });
  return { log: pino({ level: "debug" }, stream), lines };
}
