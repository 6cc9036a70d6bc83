/**
 * Proves that one at a time gets in, that a lock of a dead process is no obstacle and that nobody waits for ever. Cannot
 * prove it between machines that share a cache folder: the file names a process of this one.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withLock } from "../../infra/engine/lock.ts";

let file: string;

beforeEach(async () => {
  file = join(await mkdtemp(join(tmpdir(), "clawfleet-test-")), "deep", "down", "engine.lock");
});

afterEach(async () => {
  await rm(dirname(dirname(dirname(file))), { recursive: true, force: true });
});

const quick = { waitMs: 10_000, pollMs: 1 };

/** Number of a process that lived and lives no more. */
function deadPid(): number {
  return spawnSync(process.execPath, ["--version"]).pid;
}

async function putLock(text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

describe("withLock", () => {
  it("names its process while it works, and gives back what the work gave", async () => {
    const seen = await withLock(file, quick, async () => await readFile(file, "utf8"));
    expect(seen).toBe(`${process.pid}\n`);
    expect(existsSync(file)).toBe(false);
  });

  it("lets go when the work fails", async () => {
    await expect(withLock(file, quick, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(existsSync(file)).toBe(false);
  });

  it("lets one in at a time, however many come", async () => {
    let inside = 0;
    let most = 0;
    let runs = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      runs += 1;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock(file, quick, work)));
    expect({ most, runs }).toEqual({ most: 1, runs: 8 });
  });

  it("tells once whom it waits for", async () => {
    const told: number[] = [];
    const inside = Promise.withResolvers<void>();
    const free = Promise.withResolvers<void>();
    const first = withLock(file, quick, async () => {
      inside.resolve();
      await free.promise;
    });
    await inside.promise;
    const onWait = (owner: number) => {
      told.push(owner);
      free.resolve();
    };
    const second = withLock(file, { ...quick, onWait }, async () => "in");
    expect(await Promise.all([first, second])).toEqual([undefined, "in"]);
    expect(told).toEqual([process.pid]);
  });

  it("takes over from a process that died", async () => {
    await putLock(`${deadPid()}\n`);
    const told: number[] = [];
    const options = { ...quick, onWait: (owner: number) => void told.push(owner) };
    expect(await withLock(file, options, async () => await readFile(file, "utf8"))).toBe(`${process.pid}\n`);
    expect(told).toEqual([]);
  });

  it("does not take over from a living process, and names it and the file after the wait", async () => {
    await putLock("1\n");
    await expect(withLock(file, { waitMs: 0, pollMs: 1 }, async () => "in")).rejects.toThrow(
      `process 1 has been installing for too long; remove ${file} if it hangs`,
    );
    expect(await readFile(file, "utf8")).toBe("1\n");
  });

  it.each(["", "nonsense", "-5", "0"])(
    "does not take a file that names nobody for a dead one: %j",
    async (text) => {
      await putLock(text);
      await expect(withLock(file, { waitMs: 0, pollMs: 1 }, async () => "in")).rejects.toThrow(
        "process ? has been installing for too long",
      );
      expect(await readFile(file, "utf8")).toBe(text);
    },
  );

  it("says at once when there can be no such file", async () => {
    await putLock("");
    await expect(withLock(join(file, "below"), quick, async () => "in")).rejects.toThrow(/ENOTDIR|EEXIST/);
  });
});
