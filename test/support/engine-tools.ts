/**
 * The outside world of the engine's installer, held in a folder of the test: a "binary" is a file that holds the version
 * which it would print. Nothing is spawned and nothing is fetched.
 */
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Pins } from "../../infra/engine/pins.ts";
import type { CommandOptions, CommandResult, Tools } from "../../infra/engine/tools.ts";

export const pins: Pins = { engine: "3.259.0", plugins: { hcloud: "1.41.0", command: "1.2.1" } };

export type World = {
  /** What `go build` leaves behind; undefined: there is no Go. */
  goBuilds?: string;
  /** Answer of the Go module proxy; not 0: it cannot be reached. */
  goListCode?: number;
  goBuildCode?: number;
  /** Version in the vendor's archive; undefined: the download is refused. */
  archive?: string;
  fetch?: typeof fetch;
  tarCode?: number;
  pluginCode?: number;
};

export type Call = { command: string; args: readonly string[]; options: CommandOptions };

export type FakeTools = Tools & {
  root: string;
  cache: string;
  calls: Call[];
  fetched: string[];
  said: string[];
  /** Puts an executable of this version into a folder and returns the folder. */
  putBinary(folder: string, version: string): Promise<string>;
  remove(): Promise<void>;
};

const ok = (stdout = ""): CommandResult => ({ code: 0, stdout, stderr: "" });
const failed = (code: number, stderr: string): CommandResult => ({ code, stdout: "", stderr });

export async function createFakeTools(world: World = {}, path: readonly string[] = []): Promise<FakeTools> {
  const root = await mkdtemp(join(tmpdir(), "clawfleet-test-"));
  const cache = join(root, "cache");
  const calls: Call[] = [];
  const fetched: string[] = [];
  const said: string[] = [];
  let now = 0;
  return {
    root,
    cache,
    calls,
    fetched,
    said,
    environment: { CLAWFLEET_CACHE: cache, PATH: path.map((folder) => join(root, folder)).join(":") },
    now: () => (now += 1000),
    say: (line) => void said.push(line),
    fetch: async (input, init) => {
      fetched.push(new Request(input).url);
      if (world.fetch) return await world.fetch(input, init);
      if (world.archive === undefined) throw new TypeError("fetch failed");
      return new Response("archive");
    },
    async run(command, args, options) {
      calls.push({ command, args, options });
      await Promise.resolve();
      if (command === "go") return await runGo(world, args, options);
      if (command === "tar") return await runTar(world, args);
      return await runBinary(world, command, args);
    },
    putBinary: async (folder, version) => {
      await putBinary(join(root, folder, "pulumi"), version);
      return join(root, folder);
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

async function putBinary(file: string, version: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, version);
  await chmod(file, 0o755);
}

async function runBinary(world: World, file: string, args: readonly string[]): Promise<CommandResult> {
  if (!existsSync(file)) return failed(127, "no such file");
  if (args[0] === "plugin") return world.pluginCode ? failed(world.pluginCode, "no such plugin") : ok();
  const version = await readFile(file, "utf8");
  return version === "broken" ? failed(1, "broken") : ok(`v${version}\n`);
}

async function runGo(world: World, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  if (world.goBuilds === undefined) return failed(127, "spawn go ENOENT");
  if (args[0] === "version") return ok("go version go1.26 linux/amd64\n");
  if (args[0] === "list") {
    return world.goListCode ? failed(world.goListCode, "dial tcp: no route to host") : ok("a\nb\nc\n");
  }
  for (const line of ["a", "b", "c"]) options.onErrorLine?.(line);
  if (world.goBuildCode) return failed(world.goBuildCode, "engine.go:6: undefined: main\n");
  await putBinary(args[args.indexOf("-o") + 1] ?? "", world.goBuilds);
  return ok();
}

async function runTar(world: World, args: readonly string[]): Promise<CommandResult> {
  if (world.tarCode) return failed(world.tarCode, "not in gzip format\n");
  await putBinary(join(args[args.indexOf("-C") + 1] ?? "", "pulumi"), world.archive ?? "");
  return ok();
}
