/** The second way: the vendor's own archive, with the language hosts, and the resource plugins beside it. */
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Pins } from "./pins.ts";
import type { Tools } from "./tools.ts";

/** Source: the vendor's documentation of its releases, `https://get.pulumi.com/releases/sdk/`. */
const releases = "https://get.pulumi.com/releases/sdk";
const CONNECT_TIMEOUT_MS = 5000;
const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;
const architectures: Record<string, string> = { x64: "x64", arm64: "arm64" };
const systems: Record<string, string> = { linux: "linux", darwin: "darwin" };

/** Fills `folder/bin`. @throws when this machine has no archive or the vendor cannot be reached. */
export async function downloadEngine(tools: Tools, pins: Pins, folder: string): Promise<void> {
  const system = systems[process.platform];
  const architecture = architectures[process.arch];
  if (!system || !architecture)
    throw new Error(`there is no official archive for ${process.platform} ${process.arch}`);
  const url = `${releases}/pulumi-v${pins.engine}-${system}-${architecture}.tar.gz`;
  await mkdir(join(folder, "bin"), { recursive: true });
  const archive = join(folder, "archive.tar.gz");
  await fetchTo(tools, url, archive);
  const unpacked = await tools.run(
    "tar",
    ["-xzf", archive, "-C", join(folder, "bin"), "--strip-components=1"],
    {
      timeoutMs: 120_000,
    },
  );
  await rm(archive, { force: true });
  if (unpacked.code !== 0) throw new Error(`the archive cannot be unpacked: ${unpacked.stderr.trim()}`);
  await installPlugins(tools, pins, join(folder, "bin", "pulumi"));
}

async function fetchTo(tools: Tools, url: string, file: string): Promise<void> {
  const reached = new AbortController();
  const timer = setTimeout(() => reached.abort(new Error("no answer")), CONNECT_TIMEOUT_MS);
  const signal = AbortSignal.any([reached.signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)]);
  try {
    const answer = await tools.fetch(url, { signal });
    clearTimeout(timer);
    if (!answer.ok || !answer.body) throw new Error(`the download answered ${answer.status}`);
    await pipeline(Readable.fromWeb(answer.body), createWriteStream(file));
  } finally {
    clearTimeout(timer);
  }
}

async function installPlugins(tools: Tools, pins: Pins, binary: string): Promise<void> {
  for (const [name, version] of Object.entries(pins.plugins)) {
    tools.say(`  plugin ${name} ${version}`);
    const installed = await tools.run(binary, ["plugin", "install", "resource", name, version], {
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
      env: { ...tools.environment, PULUMI_SKIP_UPDATE_CHECK: "true" },
    });
    if (installed.code !== 0)
      throw new Error(`plugin ${name} ${version}: ${installed.stderr.trim().slice(-500)}`);
  }
}
