/**
 * Proves which `pulumi` on PATH is seen, where the cache lies, what every run's environment holds, which versions are
 * pinned, and how commands of the installer end. Cannot prove what a real Pulumi does with these variables.
 */
import { chmod, mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { engineBinary, engineFolder, findCacheRoot } from "../../infra/engine/cache.ts";
import { withEngine } from "../../infra/engine/environment.ts";
import { findOnPath } from "../../infra/engine/path.ts";
import { readPins } from "../../infra/engine/pins.ts";
import { readVersion, runCommand } from "../../infra/engine/tools.ts";
import { createFakeTools, type FakeTools } from "../support/engine-tools.ts";

let tools: FakeTools;

beforeEach(async () => {
  tools = await createFakeTools({}, ["none", "one", "two"]);
});

afterEach(async () => {
  await tools.remove();
});

describe("findOnPath", () => {
  it("sees the first one that runs, whatever its version", async () => {
    await tools.putBinary("two", "3.259.0");
    expect(await findOnPath(tools)).toEqual({ binFolder: join(tools.root, "two"), version: "3.259.0" });
    await tools.putBinary("one", "2.0.0");
    expect(await findOnPath(tools)).toEqual({ binFolder: join(tools.root, "one"), version: "2.0.0" });
  });

  it("goes past one that does not run and one that may not be run", async () => {
    await tools.putBinary("none", "broken");
    await tools.putBinary("one", "1.0.0");
    await chmod(join(tools.root, "one", "pulumi"), 0o644);
    await tools.putBinary("two", "3.259.0");
    expect(await findOnPath(tools)).toMatchObject({ version: "3.259.0" });
  });

  it("goes past a folder of that name", async () => {
    await mkdir(join(tools.root, "one", "pulumi"), { recursive: true });
    await expect(findOnPath({ ...tools, run: runCommand })).resolves.toBeUndefined();
  });

  it.each([undefined, "", ":", "/nowhere:/nothing"])("sees none on the PATH %j", async (path) => {
    expect(await findOnPath({ ...tools, environment: { PATH: path } })).toBeUndefined();
  });
});

describe("readVersion", () => {
  const says = (stdout: string, code = 0) => ({ ...tools, run: async () => ({ code, stdout, stderr: "" }) });
  it.each([
    ["v3.259.0\n", "3.259.0"],
    ["3.259.0", "3.259.0"],
    ["v3.259.0-alpha.1+dirty\n", "3.259.0-alpha.1+dirty"],
    ["warning: something\nv3.259.0", undefined],
    ["", undefined],
  ])("reads %j as %j", async (text, version) => {
    expect(await readVersion(says(text), "pulumi")).toBe(version);
  });

  it("believes nothing that a failed run printed", async () => {
    expect(await readVersion(says("v3.259.0\n", 1), "pulumi")).toBeUndefined();
  });

  it("asks without an update check", async () => {
    await tools.putBinary("one", "1.0.0");
    await findOnPath(tools);
    expect(tools.calls[0]?.options.env?.["PULUMI_SKIP_UPDATE_CHECK"]).toBe("true");
  });
});

describe("the cache", () => {
  it.each([
    [{ CLAWFLEET_CACHE: "/own", XDG_CACHE_HOME: "/xdg" }, "/own"],
    [{ XDG_CACHE_HOME: "/xdg" }, "/xdg/clawfleet"],
    [{ CLAWFLEET_CACHE: "", XDG_CACHE_HOME: "" }, join(homedir(), ".cache/clawfleet")],
    [{}, join(homedir(), ".cache/clawfleet")],
  ])("lies, with %j, in %s", (environment, root) => {
    expect(findCacheRoot(environment)).toBe(root);
  });

  it("keeps versions apart", () => {
    expect(engineBinary(engineFolder("/c", "3.259.0"))).toBe("/c/engine/3.259.0/bin/pulumi");
  });
});

describe("withEngine", () => {
  it("puts engine and Node first on PATH and sets the levers and the backend", () => {
    const environment = { PATH: "/usr/bin", DATABASE_URL: "postgres://db/x", EMPTY: undefined };
    expect(withEngine(environment, "/e/bin", "/n/bin/node")).toEqual({
      PATH: "/e/bin:/n/bin:/usr/bin",
      DATABASE_URL: "postgres://db/x",
      GOMAXPROCS: "1",
      PGAPPNAME: "clawfleet-engine",
      PULUMI_BACKEND_URL: "postgres://db/x",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
      PULUMI_DIY_BACKEND_NO_LEGACY_WARNING: "true",
      PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true",
    });
  });

  it("leaves what somebody has set", () => {
    const set = {
      PULUMI_BACKEND_URL: "file:///s",
      DATABASE_URL: "postgres://db/x",
      PULUMI_SKIP_UPDATE_CHECK: "false",
    };
    expect(withEngine(set, "/e/bin", "/n/bin/node")).toMatchObject(set);
  });

  it("works without a PATH and without a backend", () => {
    const made = withEngine({}, "/e/bin", "/n/bin/node");
    expect(made["PATH"]).toBe("/e/bin:/n/bin");
    expect(made).not.toHaveProperty("PULUMI_BACKEND_URL");
  });
});

describe("readPins", () => {
  const dependencies = {
    "@pulumi/pulumi": "3.259.0",
    "@pulumi/hcloud": "1.41.0",
    "@pulumi/cloudflare": "6.22.1",
    "@pulumi/command": "1.2.1",
  };

  it("reads engine and plugins from package.json", () => {
    expect(readPins(JSON.stringify({ dependencies }))).toEqual({
      engine: "3.259.0",
      plugins: { hcloud: "1.41.0", cloudflare: "6.22.1", command: "1.2.1" },
    });
  });

  it("finds this repository's own, with the stray publish of the command provider avoided", () => {
    expect(readPins()).toMatchObject({ engine: "3.259.0", plugins: { command: "1.2.1" } });
  });

  it.each([
    ["@pulumi/pulumi", "^3.259.0"],
    ["@pulumi/hcloud", "latest"],
    ["@pulumi/command", undefined],
    ["@pulumi/cloudflare", "6.22"],
  ])("refuses %s at %j", (name, version) => {
    const text = JSON.stringify({ dependencies: { ...dependencies, [name]: version } });
    expect(() => readPins(text)).toThrow(`package.json must pin ${name} exactly, it says ${version}`);
  });

  it.each(["{}", "null", "[]", '{"dependencies":null}'])("refuses a package.json that is %s", (text) => {
    expect(() => readPins(text)).toThrow("package.json must pin");
  });
});

describe("runCommand", () => {
  const node = (script: string, options = {}) =>
    runCommand(process.execPath, ["--eval", script], { timeoutMs: 20_000, ...options });

  it("gives code and both streams", async () => {
    const script = "process.stdout.write('out'); process.stderr.write('err'); process.exitCode = 3";
    expect(await node(script)).toEqual({ code: 3, stdout: "out", stderr: "err" });
  });

  it("hands every whole line of standard error on as it comes", async () => {
    const lines: string[] = [];
    await node("process.stderr.write('a\\nb'); process.stderr.write('c\\nd')", {
      onErrorLine: (line: string) => lines.push(line),
    });
    expect(lines).toEqual(["a", "bc"]);
  });

  it("has 127 for what cannot be started", async () => {
    const missing = await runCommand("/nowhere/pulumi", [], { timeoutMs: 1000 });
    expect(missing.code).toBe(127);
    expect(missing.stderr).toContain("ENOENT");
  });

  it("kills what takes too long", async () => {
    const result = await node("process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)", {
      timeoutMs: 200,
    });
    expect(result.code).toBe(137);
  });

  it("gives the environment and the folder that it was told, and no other", async () => {
    const script =
      "process.stdout.write(JSON.stringify([process.env.A, process.env.HOME ?? null, process.cwd()]))";
    const { stdout } = await node(script, { env: { A: "1" }, cwd: "/" });
    expect(JSON.parse(stdout)).toEqual(["1", null, "/"]);
  });
});
