/** Gets the engine by the first way that works and checks what came of it. */
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buildEngine } from "./build.ts";
import { engineBinary, engineFolder, findCacheRoot } from "./cache.ts";
import { downloadEngine } from "./download.ts";
import { withLock } from "./lock.ts";
import { findOnPath } from "./path.ts";
import type { Pins } from "./pins.ts";
import { readVersion, type Tools } from "./tools.ts";

export type Engine = { binFolder: string; version: string; way: "path" | "cache" | "download" | "build" };

type Maker = {
  way: "download" | "build";
  title: string;
  make(tools: Tools, pins: Pins, folder: string): Promise<void>;
};

const makers: readonly Maker[] = [
  { way: "download", title: "official download", make: downloadEngine },
  { way: "build", title: "go build of the published module (about 5 minutes on 2 cores)", make: buildEngine },
];

const LOCK_WAIT_MS = 60 * 60_000;

/** Without installing anything: on PATH, else in the cache. */
export async function findEngine(tools: Tools, pins: Pins): Promise<Engine | undefined> {
  const onPath = await findOnPath(tools);
  if (onPath?.version === pins.engine) return { ...onPath, way: "path" };
  const folder = engineFolder(findCacheRoot(tools.environment), pins.engine);
  const version = await readVersion(tools, engineBinary(folder));
  return version === pins.engine ? { binFolder: join(folder, "bin"), version, way: "cache" } : undefined;
}

/** @throws with the three ways and why each failed. */
export async function ensureEngine(tools: Tools, pins: Pins): Promise<Engine> {
  const there = await findEngine(tools, pins);
  if (there) return there;
  const folder = engineFolder(findCacheRoot(tools.environment), pins.engine);
  const onWait = (owner: number) =>
    tools.say(`process ${owner} is installing the engine already; waiting for it`);
  return await withLock(`${folder}.lock`, { waitMs: LOCK_WAIT_MS, onWait }, async () => {
    const meanwhile = await findEngine(tools, pins);
    return meanwhile ?? (await makeEngine(tools, pins, folder));
  });
}

async function makeEngine(tools: Tools, pins: Pins, folder: string): Promise<Engine> {
  const reasons: string[] = [`on PATH: ${await describePath(tools, pins)}`];
  for (const maker of makers) {
    const started = tools.now();
    tools.say(`Pulumi ${pins.engine}: ${maker.title}`);
    try {
      await makeInto(tools, pins, folder, maker);
      tools.say(`  done in ${Math.round((tools.now() - started) / 1000)} s`);
      return { binFolder: join(folder, "bin"), version: pins.engine, way: maker.way };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      tools.say(`  not this way: ${firstLine(reason)}`);
      reasons.push(`${maker.title}: ${reason}`);
    }
  }
  throw new Error(describeFailure(pins, reasons));
}

/** Made beside and renamed: a killed installation leaves nothing under the real name. */
async function makeInto(tools: Tools, pins: Pins, folder: string, maker: Maker): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const scratch = await mkdtemp(`${folder}.new-`);
  try {
    await maker.make(tools, pins, scratch);
    const version = await readVersion(tools, engineBinary(scratch));
    if (version !== pins.engine)
      throw new Error(`it calls itself ${version ?? "nothing"} instead of ${pins.engine}`);
    await rm(folder, { recursive: true, force: true });
    await rename(scratch, folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function describePath(tools: Tools, pins: Pins): Promise<string> {
  const found = await findOnPath(tools);
  return found ? `pulumi ${found.version} in ${found.binFolder}, ${pins.engine} is needed` : "no pulumi";
}

function describeFailure(pins: Pins, reasons: readonly string[]): string {
  return [
    `Pulumi ${pins.engine} could not be had in any of the three ways:`,
    ...reasons.map((reason) => `  - ${reason}`),
    `Do one of these: put pulumi ${pins.engine} on PATH; let this machine reach get.pulumi.com;`,
    "or install Go 1.26 and let it reach a Go module proxy. Then run this again.",
  ].join("\n");
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}
