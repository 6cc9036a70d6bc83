/** What every verb of `fleet` is given, and how it ends. */
import type { FleetClient } from "./client.ts";
import type { Tone } from "./terminal.ts";

/** Documented in docs/operations.md, API and keys: programs go by them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unauthorized: 4,
  unreachable: 5,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export type CommandIo = {
  client: FleetClient;
  /** What was asked for, on stdout. */
  print(line: string): void;
  /** Remarks and warnings, on stderr: never mixed with what a program reads. */
  note(line: string): void;
  /** undefined when there is no terminal to ask on. */
  ask(question: string): Promise<string | undefined>;
  /** Colour, where a terminal shows it. */
  paint: (text: string, tone: Tone) => string;
  /** What is being waited for, where a terminal shows it; null: nothing any more. */
  progress(line: string | null): void;
  sleep(ms: number): Promise<void>;
  now(): Date;
};

export type JsonOption = { json?: boolean };
/** Of verbs that lead to an operation. `wait` false: not followed. */
export type FollowOptions = JsonOption & { wait?: boolean };

export function printJson(io: Pick<CommandIo, "print">, value: unknown): void {
  io.print(JSON.stringify(value, null, 2));
}
