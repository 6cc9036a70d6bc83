/**
 * Proves what each way of making the engine asks for and how it ends: the vendor's archive with its plugins, and the build
 * of the published module. Cannot prove that the vendor still serves this address or that the module compiles.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { buildEngine } from "../../infra/engine/build.ts";
import { downloadEngine } from "../../infra/engine/download.ts";
import { createFakeTools, pins, type FakeTools, type World } from "../support/engine-tools.ts";

const opened: FakeTools[] = [];

async function make(world: World): Promise<{ tools: FakeTools; folder: string }> {
  const tools = await createFakeTools(world);
  opened.push(tools);
  return { tools, folder: join(tools.root, "engine") };
}

afterEach(async () => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  await Promise.all(opened.splice(0).map((tools) => tools.remove()));
});

function onMachine(platform: string, arch: string): void {
  vi.stubGlobal(
    "process",
    new Proxy(process, {
      get: (target, key) => ({ platform, arch })[String(key)] ?? Reflect.get(target, key),
    }),
  );
}

describe("the official download", () => {
  it.each([
    ["linux", "x64", "linux-x64"],
    ["linux", "arm64", "linux-arm64"],
    ["darwin", "arm64", "darwin-arm64"],
  ])(
    "on %s %s asks for the pinned archive of that machine and of no other",
    async (platform, arch, suffix) => {
      onMachine(platform, arch);
      const { tools, folder } = await make({ archive: "3.259.0" });
      await downloadEngine(tools, pins, folder);
      expect(tools.fetched).toEqual([`https://get.pulumi.com/releases/sdk/pulumi-v3.259.0-${suffix}.tar.gz`]);
    },
  );

  it.each([
    ["win32", "x64"],
    ["linux", "riscv64"],
  ])("says that there is none for %s %s and asks nobody", async (platform, arch) => {
    onMachine(platform, arch);
    const { tools, folder } = await make({ archive: "3.259.0" });
    await expect(downloadEngine(tools, pins, folder)).rejects.toThrow(
      `there is no official archive for ${platform} ${arch}`,
    );
    expect(tools.fetched).toEqual([]);
  });

  it("unpacks what came into bin, without the archive's own folder", async () => {
    const { tools, folder } = await make({ archive: "3.259.0" });
    const unpacked: string[] = [];
    const watching: FakeTools = {
      ...tools,
      run: async (command, args, options) => {
        if (command === "tar") unpacked.push(await readFile(args[1] ?? "", "utf8"));
        return await tools.run(command, args, options);
      },
    };
    await downloadEngine(watching, pins, folder);
    expect(unpacked).toEqual(["archive"]);
    const tar = tools.calls.find((call) => call.command === "tar");
    expect(tar?.args[0]).toBe("-xzf");
    expect(tar?.args.slice(2)).toEqual(["-C", join(folder, "bin"), "--strip-components=1"]);
  });

  it("installs the pinned plugins with the new engine, and says so", async () => {
    const { tools, folder } = await make({ archive: "3.259.0" });
    await downloadEngine(tools, pins, folder);
    const installs = tools.calls.filter((call) => call.args[0] === "plugin");
    expect(installs.map((call) => [call.command, ...call.args])).toEqual([
      [join(folder, "bin/pulumi"), "plugin", "install", "resource", "hcloud", "1.41.0"],
      [join(folder, "bin/pulumi"), "plugin", "install", "resource", "command", "1.2.1"],
    ]);
    expect(installs.every((call) => call.options.env?.["PULUMI_SKIP_UPDATE_CHECK"] === "true")).toBe(true);
    expect(tools.said).toEqual(["  plugin hcloud 1.41.0", "  plugin command 1.2.1"]);
  });

  it.each<[string, World, string]>([
    [
      "the vendor says no",
      { fetch: async () => new Response("no", { status: 403 }) },
      "the download answered 403",
    ],
    [
      "the answer is empty",
      { fetch: async () => new Response(null, { status: 204 }) },
      "the download answered 204",
    ],
    ["it breaks off", { fetch: async () => new Response(brokenStream()) }, "connection lost"],
    [
      "it is no archive",
      { archive: "3.259.0", tarCode: 2 },
      "the archive cannot be unpacked: not in gzip format",
    ],
    ["a plugin is missing", { archive: "3.259.0", pluginCode: 1 }, "plugin hcloud 1.41.0: no such plugin"],
  ])("ends with the reason when %s", async (_what, world, reason) => {
    const { tools, folder } = await make(world);
    await expect(downloadEngine(tools, pins, folder)).rejects.toThrow(reason);
  });

  it("gives up after five seconds without an answer, so that the build begins", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const never: typeof fetch = (_input, init) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
      });
    const { tools, folder } = await make({ fetch: never });
    const ending = downloadEngine(tools, pins, folder).catch((error: unknown) => error);
    await vi.waitFor(() => expect(tools.fetched).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(5000);
    expect(await ending).toEqual(new Error("no answer"));
  });
});

function brokenStream(): ReadableStream {
  return new ReadableStream({ pull: (controller) => controller.error(new Error("connection lost")) });
}

describe("the build", () => {
  it("compiles the pinned module into the folder, with its version inside", async () => {
    const { tools, folder } = await make({ goBuilds: "3.259.0" });
    await buildEngine(tools, pins, folder);
    const build = tools.calls.at(-1);
    expect([build?.command, ...(build?.args ?? [])]).toEqual([
      "go",
      "build",
      "-v",
      "-o",
      join(folder, "bin/pulumi"),
      "-ldflags",
      "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0",
      "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    ]);
    expect(existsSync(join(folder, "bin/pulumi"))).toBe(true);
  });

  it("has a go.mod of the version that package.json pins", async () => {
    const goMod = await readFile(new URL("../../infra/engine/go/go.mod", import.meta.url), "utf8");
    const packageJson: unknown = JSON.parse(
      await readFile(new URL("../../package.json", import.meta.url), "utf8"),
    );
    expect(packageJson).toMatchObject({ dependencies: { "@pulumi/pulumi": pins.engine } });
    expect(goMod).toContain(`github.com/pulumi/pulumi/pkg/v3 v${pins.engine}`);
  });

  it("works in a folder of its own that is gone afterwards, with go.mod and go.sum in it", async () => {
    const { tools, folder } = await make({ goBuilds: "3.259.0" });
    let there: string[] = [];
    const watching: FakeTools = {
      ...tools,
      run: async (command, args, options) => {
        if (args[0] === "build" && options.cwd) there = (await readdir(options.cwd)).toSorted();
        return await tools.run(command, args, options);
      },
    };
    await buildEngine(watching, pins, folder);
    expect(there).toEqual(["engine.go", "go.mod", "go.sum"]);
    const places = new Set(tools.calls.slice(1).map((call) => call.options.cwd ?? ""));
    expect(places.size).toBe(1);
    for (const place of places) expect(existsSync(place)).toBe(false);
  });

  it("does not let a workspace or flags around it change the build, and keeps the rest of the environment", async () => {
    const { tools, folder } = await make({ goBuilds: "3.259.0" });
    const withProxy = {
      ...tools,
      environment: { GOPROXY: "https://proxy", GOFLAGS: "-mod=vendor", GOWORK: "/x" },
    };
    await buildEngine(withProxy, pins, folder);
    expect(tools.calls.at(-1)?.options.env).toEqual({
      GOPROXY: "https://proxy",
      GOFLAGS: "-mod=mod",
      GOWORK: "off",
    });
  });

  it("tells at most every five seconds how far it is", async () => {
    const { tools, folder } = await make({ goBuilds: "3.259.0" });
    let now = 0;
    const slow: FakeTools = {
      ...tools,
      now: () => now,
      run: async (command, args, options) => {
        if (args[0] !== "build") return await tools.run(command, args, options);
        for (let count = 0; count < 13; count += 1) {
          now += 1000;
          options.onErrorLine?.("package");
        }
        return await tools.run(command, args, { timeoutMs: options.timeoutMs });
      },
    };
    await buildEngine(slow, pins, folder);
    const lines = tools.said.filter((line) => line.includes("compiling"));
    expect(lines.map((line) => line.replace(/about \d+/, "about N"))).toEqual([
      "  compiling: 5 of about N packages, 5 s",
      "  compiling: 10 of about N packages, 10 s",
    ]);
  });

  it.each<[string, World, string]>([
    ["there is no Go", {}, "there is no Go on PATH (1.26 or newer is needed)"],
    [
      "no proxy is reached",
      { goBuilds: "x", goListCode: 1 },
      "the sources cannot be fetched: dial tcp: no route to host",
    ],
    [
      "it does not compile",
      { goBuilds: "x", goBuildCode: 1 },
      "the build failed: engine.go:6: undefined: main",
    ],
  ])("ends with the reason when %s", async (_what, world, reason) => {
    const { tools, folder } = await make(world);
    await expect(buildEngine(tools, pins, folder)).rejects.toThrow(reason);
    for (const { options } of tools.calls) expect(existsSync(options.cwd ?? "/nowhere")).toBe(false);
  });
});
