/** Runs the project's own tools for `make check` and `make test`, each as one thing that passes or fails. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noTests, parseReport, type Totals } from "./totals.ts";

export type Check = { name: string; command: string; args: string[] };

export const checks: readonly Check[] = [
  // One pass for both: the compiler's own diagnostics, and the rules that need types.
  { name: "types and lint", command: "oxlint", args: ["--type-aware", "--type-check", "--deny-warnings"] },
  { name: "format", command: "oxfmt", args: ["--check", "."] },
];

type Finished = { code: number; output: string };

function run(command: string, args: readonly string[], show: boolean): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      stdio: ["ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"],
    });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.once("error", (error) => resolve({ code: 127, output: error.message }));
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Says one line when it is fine and everything the tool said when it is not. */
export async function runCheck(check: Check): Promise<Totals> {
  const started = Date.now();
  const { code, output } = await run(check.command, check.args, false);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stdout.write(
    code === 0 ? `${check.name}: fine (${seconds} s)\n` : `${check.name}: FAILED\n${output}\n`,
  );
  return code === 0
    ? { ...noTests, passed: 1 }
    : { ...noTests, failed: 1, failures: [`${check.name} (see above)`] };
}

/** Runs vitest projects. A run that leaves no report counts as one failure. */
export async function runTests(projects: readonly string[]): Promise<Totals> {
  const folder = await mkdtemp(join(tmpdir(), "clawfleet-report-"));
  const report = join(folder, "report.json");
  try {
    const selected = projects.flatMap((project) => ["--project", project]);
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const { code } = await run("vitest", ["run", ...selected, ...reporters], true);
    const nothing = { ...noTests, failed: 1, failures: [`${projects.join(", ")}: no report was left`] };
    const totals = await readFile(report, "utf8").then(parseReport, () => nothing);
    return code !== 0 && totals.failed === 0 ? { ...totals, failed: 1 } : totals;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
