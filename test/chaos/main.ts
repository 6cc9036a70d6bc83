/** `npm run chaos`: a storm over two reconcilers, and what is left of it. Exit 0 only when nothing is. */
import { parseOptions, usage, type ChaosOptions } from "./options.ts";
import { describeStep, planStorm } from "./plan.ts";
import { runChaos } from "./run.ts";

const print = (line: string): void => void process.stdout.write(`${line}\n`);

function readOptions(): ChaosOptions {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
    process.exit(2);
  }
}

const options = readOptions();
if (options.plan) {
  for (const step of planStorm(options))
    print(`${String(step.waitMs).padStart(5)} ms  ${describeStep(step)}`);
  process.exit(0);
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (!stop.signal.aborted) print("taking everything down");
    stop.abort();
  });
}

try {
  const clean = await runChaos(options, print, stop.signal);
  process.exitCode = clean === undefined ? 130 : clean ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
