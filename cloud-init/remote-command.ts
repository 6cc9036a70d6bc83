/** Command lines for scripts of `remote/`: shipped with each run, so that a mended script reaches every machine. Pure. */
import { machinePaths } from "./gateway-config.ts";

/** For a shell: one word, whatever it holds. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Runs a Node script whose input is a JSON document on standard input. */
export function nodeCommand(script: string): string {
  return `exec ${machinePaths.node} --input-type=module --eval ${quoteForShell(script)}`;
}

/** Runs a bash script with these arguments. The account's own shell may be another one. */
export function bashCommand(script: string, ...args: readonly string[]): string {
  const given = args.length === 0 ? [] : ["bash", ...args];
  return ["exec /bin/bash -c", ...[script, ...given].map(quoteForShell)].join(" ");
}
