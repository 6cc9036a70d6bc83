/** The third way: the published Go module, compiled here. go/go.mod and go/go.sum pin every source. */
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { engineBinary } from "./cache.ts";
import type { Pins } from "./pins.ts";
import type { Tools } from "./tools.ts";

const moduleFolder = fileURLToPath(new URL("./go", import.meta.url));
const program = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
const versionVariable = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";
const BUILD_TIMEOUT_MS = 45 * 60_000;
const LIST_TIMEOUT_MS = 20 * 60_000;
const PROGRESS_MS = 5000;

/** Fills `folder/bin/pulumi`. @throws with the compiler's last lines. */
export async function buildEngine(tools: Tools, pins: Pins, folder: string): Promise<void> {
  const version = await tools.run("go", ["version"], { timeoutMs: 60_000 });
  if (version.code !== 0) throw new Error("there is no Go on PATH (1.26 or newer is needed)");
  const work = await mkdtemp(join(tmpdir(), "clawfleet-engine-"));
  try {
    for (const file of ["go.mod", "go.sum", "engine.go"])
      await copyFile(join(moduleFolder, file), join(work, file));
    const env = { ...tools.environment, GOFLAGS: "-mod=mod", GOWORK: "off" };
    tools.say("  fetching the sources of the Go module");
    const total = await countPackages(tools, work, env);
    await mkdir(join(folder, "bin"), { recursive: true });
    await compile(tools, { work, env, total, output: engineBinary(folder), version: pins.engine });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type GoEnvironment = Readonly<Record<string, string | undefined>>;

async function countPackages(tools: Tools, cwd: string, env: GoEnvironment): Promise<number> {
  const listed = await tools.run("go", ["list", "-deps", program], { cwd, env, timeoutMs: LIST_TIMEOUT_MS });
  if (listed.code !== 0) throw new Error(`the sources cannot be fetched: ${lastLines(listed.stderr)}`);
  return listed.stdout.split("\n").length;
}

async function compile(
  tools: Tools,
  build: { work: string; env: GoEnvironment; total: number; output: string; version: string },
): Promise<void> {
  const started = tools.now();
  let compiled = 0;
  let said = started;
  const flags = `-s -w -X ${versionVariable}=v${build.version}`;
  const built = await tools.run("go", ["build", "-v", "-o", build.output, "-ldflags", flags, program], {
    cwd: build.work,
    env: build.env,
    timeoutMs: BUILD_TIMEOUT_MS,
    onErrorLine: () => {
      compiled += 1;
      if (tools.now() - said < PROGRESS_MS) return;
      said = tools.now();
      tools.say(
        `  compiling: ${compiled} of about ${build.total} packages, ${Math.round((said - started) / 1000)} s`,
      );
    },
  });
  if (built.code !== 0) throw new Error(`the build failed: ${lastLines(built.stderr)}`);
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-8).join("\n");
}
