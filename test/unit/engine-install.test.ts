/**
 * Proves which of the three ways to the engine is taken, that what came of it is checked, and what a person reads when
 * none works. Cannot prove that the vendor's archive or the Go module give a working engine: `npm run engine` shows that.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ensureEngine, findEngine } from "../../infra/engine/install.ts";
import { createFakeTools, pins, type FakeTools, type World } from "../support/engine-tools.ts";
import { eventually } from "../support/poll.ts";

const opened: FakeTools[] = [];

async function make(world: World = {}, path: readonly string[] = []): Promise<FakeTools> {
  const tools = await createFakeTools(world, path);
  opened.push(tools);
  return tools;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((tools) => tools.remove()));
});

function commandsOf(tools: FakeTools): string[] {
  return tools.calls.map((call) => [call.command.replace(tools.root, ""), call.args[0]].join(" "));
}

describe("an engine that is there", () => {
  it("on PATH in the pinned version is taken, and nothing is installed", async () => {
    const tools = await make({ archive: "3.259.0" }, ["bin"]);
    const binFolder = await tools.putBinary("bin", "3.259.0");
    expect(await ensureEngine(tools, pins)).toEqual({ binFolder, version: "3.259.0", way: "path" });
    expect(tools.fetched).toEqual([]);
    expect(commandsOf(tools)).toEqual(["/bin/pulumi version"]);
  });

  it.each(["3.258.0", "3.259.1", "3.259.0-alpha.1", "broken"])(
    "on PATH in version %s is refused, and another way is taken",
    async (version) => {
      const tools = await make({ archive: "3.259.0" }, ["bin"]);
      await tools.putBinary("bin", version);
      expect(await ensureEngine(tools, pins)).toMatchObject({ way: "download", version: "3.259.0" });
    },
  );

  it("in the cache is taken without asking the network, by a second checkout too", async () => {
    const tools = await make();
    const binFolder = await tools.putBinary("cache/engine/3.259.0/bin", "3.259.0");
    expect(await ensureEngine(tools, pins)).toEqual({ binFolder, version: "3.259.0", way: "cache" });
    expect(tools.fetched).toEqual([]);
    expect(tools.said).toEqual([]);
  });

  it("in the cache in a wrong version is made anew", async () => {
    const tools = await make({ archive: "3.259.0" });
    await tools.putBinary("cache/engine/3.259.0/bin", "3.200.0");
    expect(await ensureEngine(tools, pins)).toMatchObject({ way: "download" });
    expect(await findEngine(tools, pins)).toMatchObject({ way: "cache", version: "3.259.0" });
  });

  it("is not found where there is none, and looking installs nothing", async () => {
    const tools = await make({ archive: "3.259.0", goBuilds: "3.259.0" }, ["bin"]);
    expect(await findEngine(tools, pins)).toBeUndefined();
    expect(tools.fetched).toEqual([]);
    expect(await readdir(tools.root)).toEqual([]);
  });
});

describe("an engine that has to be made", () => {
  it("is downloaded when the vendor answers", async () => {
    const tools = await make({ archive: "3.259.0", goBuilds: "3.259.0" });
    expect(await ensureEngine(tools, pins)).toEqual({
      binFolder: join(tools.cache, "engine/3.259.0/bin"),
      version: "3.259.0",
      way: "download",
    });
    expect(commandsOf(tools)).not.toContain("go build");
  });

  it("is built when the download is refused", async () => {
    const tools = await make({ goBuilds: "3.259.0" });
    expect(await ensureEngine(tools, pins)).toMatchObject({ way: "build", version: "3.259.0" });
    expect(tools.fetched).toHaveLength(1);
    expect(tools.said).toContain("  not this way: fetch failed");
  });

  it("is built when what was downloaded is another version", async () => {
    const tools = await make({ archive: "3.258.0", goBuilds: "3.259.0" });
    expect(await ensureEngine(tools, pins)).toMatchObject({ way: "build" });
    expect(tools.said).toContain("  not this way: it calls itself 3.258.0 instead of 3.259.0");
  });

  it("is found by the next run in the cache", async () => {
    const tools = await make({ goBuilds: "3.259.0" });
    await ensureEngine(tools, pins);
    tools.calls.length = 0;
    expect(await ensureEngine(tools, pins)).toMatchObject({ way: "cache" });
    expect(commandsOf(tools)).toEqual(["/cache/engine/3.259.0/bin/pulumi version"]);
  });

  it("is made once by two who come at once, and both get it", async () => {
    const tools = await make({ goBuilds: "3.259.0" });
    const waiting = `process ${process.pid} is installing the engine already; waiting for it`;
    const slow: FakeTools = {
      ...tools,
      run: async (command, args, options) => {
        if (args[0] === "build")
          await eventually("the second one waits", () => tools.said.includes(waiting), 4000);
        return await tools.run(command, args, options);
      },
    };
    const engines = await Promise.all([ensureEngine(slow, pins), ensureEngine(slow, pins)]);
    expect(engines.map((engine) => engine.version)).toEqual(["3.259.0", "3.259.0"]);
    expect(engines.map((engine) => engine.way).toSorted()).toEqual(["build", "cache"]);
    expect(commandsOf(tools).filter((command) => command === "go build")).toHaveLength(1);
  });

  it("says what it does and how long it took", async () => {
    const tools = await make({ goBuilds: "3.259.0" });
    await ensureEngine(tools, pins);
    expect(tools.said[0]).toBe("Pulumi 3.259.0: official download");
    expect(tools.said).toContain(
      "Pulumi 3.259.0: go build of the published module (about 5 minutes on 2 cores)",
    );
    expect(tools.said.at(-1)).toMatch(/^ {2}done in \d+ s$/);
  });

  it("leaves nothing but itself in the cache", async () => {
    const tools = await make({ goBuilds: "3.259.0" });
    await ensureEngine(tools, pins);
    expect(await readdir(join(tools.cache, "engine"))).toEqual(["3.259.0"]);
  });
});

describe("no network and no cache", () => {
  it("is told with the three ways, why each failed and what to do", async () => {
    const tools = await make({}, ["bin"]);
    await expect(ensureEngine(tools, pins)).rejects.toThrow(
      [
        "Pulumi 3.259.0 could not be had in any of the three ways:",
        "  - on PATH: no pulumi",
        "  - official download: fetch failed",
        "  - go build of the published module (about 5 minutes on 2 cores): there is no Go on PATH (1.26 or newer is needed)",
        "Do one of these: put pulumi 3.259.0 on PATH; let this machine reach get.pulumi.com;",
        "or install Go 1.26 and let it reach a Go module proxy. Then run this again.",
      ].join("\n"),
    );
  });

  it("is told with the version on PATH that was not good enough", async () => {
    const tools = await make({ goBuilds: "3.259.0", goListCode: 1 }, ["bin"]);
    const folder = await tools.putBinary("bin", "3.100.0");
    await expect(ensureEngine(tools, pins)).rejects.toThrow(
      `  - on PATH: pulumi 3.100.0 in ${folder}, 3.259.0 is needed\n`,
    );
  });

  it.each<[string, World, string]>([
    [
      "the sources cannot be fetched",
      { goBuilds: "3.259.0", goListCode: 1 },
      "the sources cannot be fetched: dial tcp",
    ],
    [
      "the compiler fails",
      { goBuilds: "3.259.0", goBuildCode: 2 },
      "the build failed: engine.go:6: undefined: main",
    ],
    ["the build is another version", { goBuilds: "3.1.0" }, "it calls itself 3.1.0 instead of 3.259.0"],
    ["the build does not run", { goBuilds: "broken" }, "it calls itself nothing instead of 3.259.0"],
  ])("names the reason when %s", async (_what, world, reason) => {
    const tools = await make(world);
    await expect(ensureEngine(tools, pins)).rejects.toThrow(reason);
  });

  it("leaves nothing behind and lets the next try through", async () => {
    const world: World = { goBuilds: "3.1.0" };
    const tools = await make(world);
    await expect(ensureEngine(tools, pins)).rejects.toThrow("three ways");
    expect(await readdir(join(tools.cache, "engine"))).toEqual([]);
    world.goBuilds = "3.259.0";
    expect(await ensureEngine(tools, pins)).toMatchObject({ way: "build" });
  });
});
