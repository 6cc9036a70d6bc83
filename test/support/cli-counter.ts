/** Counts the processes of the Pulumi CLI: a `pulumi` that writes down its arguments and then is the real one. */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quoteForShell } from "../../cloud-init/remote-command.ts";

export type CliCounter = {
  /** First on PATH wherever processes are to be counted. */
  folder: string;
  /** Command and subcommand of each process since the last `take`, such as `stack init`. */
  take(): Promise<string[]>;
  close(): Promise<void>;
};

export async function createCliCounter(engineBinFolder: string): Promise<CliCounter> {
  const folder = await mkdtemp(join(tmpdir(), "clawfleet-counter-"));
  const record = join(folder, "processes");
  const binary = join(folder, "pulumi");
  const real = join(engineBinFolder, "pulumi");
  await writeFile(record, "");
  const lines = [
    "#!/bin/sh",
    `printf '%s %s\\n' "$1" "$2" >> ${quoteForShell(record)}`,
    `exec ${quoteForShell(real)} "$@"`,
  ];
  await writeFile(binary, `${lines.join("\n")}\n`);
  await chmod(binary, 0o755);
  return {
    folder,
    async take() {
      const text = await readFile(record, "utf8");
      await writeFile(record, "");
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => line.replace(/ -.*$/, "").trim());
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
