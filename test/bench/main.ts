/** `npm run bench -- <name>`: a table for people on stderr, a JSON line a figure on stdout, exit 0 only when it was measured. */
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { withScratchTmp } from "../support/scratch-tmp.ts";
import { toLine, toTable, type Bench, type Figure } from "./figures.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const suffix = ".bench.ts";
/** A bench that hangs is one that failed. */
const limitMs = 60 * 60_000;

async function listBenches(): Promise<string[]> {
  const files = await readdir(folder);
  return files
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .toSorted();
}

async function loadBench(name: string): Promise<Bench> {
  const { bench }: { bench: Bench } = await import(`./${name}${suffix}`);
  return bench;
}

async function list(names: readonly string[]): Promise<void> {
  process.stderr.write("usage: npm run bench -- <name>\n\n");
  for (const name of names) process.stderr.write(`  ${name.padEnd(10)} ${(await loadBench(name)).summary}\n`);
}

async function run(name: string): Promise<number> {
  const bench = await loadBench(name);
  const figures: Figure[] = [];
  const started = performance.now();
  const elapsed = () => `${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  `;
  setTimeout(() => {
    process.stderr.write(`${name} did not end within ${limitMs / 60_000} minutes\n`);
    process.exit(1);
  }, limitMs).unref();
  try {
    await bench.run({
      say: (text) => void process.stderr.write(`${elapsed()}${text}\n`),
      report(figure) {
        figures.push(figure);
        process.stdout.write(`${toLine(name, figure)}\n`);
      },
    });
  } catch (error) {
    process.stderr.write(
      `${name} could not be measured: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    return 1;
  } finally {
    process.stderr.write(`\n${toTable(figures)}\n`);
  }
  return figures.length > 0 ? 0 : 1;
}

const names = await listBenches();
const name = process.argv[2];
if (name === undefined) await list(names);
else if (names.includes(name)) process.exitCode = await withScratchTmp(() => run(name));
else {
  process.stderr.write(`there is no bench ${name}\n\n`);
  await list(names);
  process.exitCode = 2;
}
// What a bench leaves open, such as a pool's idle connection, must not keep the process.
process.exit();
