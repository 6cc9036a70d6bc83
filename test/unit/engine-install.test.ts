/**
 * Proves the order of the three ways to the engine, the check of what came, the lock and the error that names all three, with
 * the outside world replaced (the `Tools` seam). A real build is what a fresh machine does in `make test`.
 */
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { backendEnvironment } from "../../infra/backend.ts";
import { derivePassphrase } from "../../infra/seal.ts";
import { withEngine } from "../../infra/engine/environment.ts";
import { ensureEngine, findEngine } from "../../infra/engine/install.ts";
import { readPins } from "../../infra/engine/pins.ts";
import type { CommandResult, Tools } from "../../infra/engine/tools.ts";

const pins = { engine: "3.259.0", plugins: { hcloud: "1.41.0" } };

let home: string;
let said: string[];
/** Version that a binary gives, by the folder that it lies in or below. */
let versions: Map<string, string>;
let builds: number;
let go: "works" | "missing" | "no network" | "wrong version";
let network: boolean;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "clawfleet-engine-test-"));
  said = [];
  versions = new Map();
  builds = 0;
  go = "works";
  network = false;
});
afterEach(() => rm(home, { recursive: true, force: true }));

const ok = (stdout = ""): CommandResult => ({ code: 0, stdout, stderr: "" });
const bad = (stderr: string): CommandResult => ({ code: 1, stdout: "", stderr });

async function putBinary(path: string, version: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, version);
  await chmod(path, 0o755);
  versions.set(path, version);
}

function createTools(path = ""): Tools {
  return {
    now: () => 0,
    say: (line) => said.push(line),
    environment: { PATH: path, CLAWFLEET_CACHE: join(home, "cache") },
    fetch: () =>
      network ? Promise.resolve(new Response("archive")) : Promise.reject(new Error("fetch failed")),
    async run(command, args) {
      if (args[0] === "version" && command === "go")
        return go === "missing" ? { ...bad(""), code: 127 } : ok("go1.26");
      if (args[0] === "version") {
        const { readFile } = await import("node:fs/promises");
        const version = await readFile(command, "utf8").catch(() => undefined);
        return version === undefined ? { ...bad(""), code: 127 } : ok(`v${version}\n`);
      }
      if (args[0] === "list") return go === "no network" ? bad("dial tcp: no route to host") : ok("a\nb");
      if (args[0] === "build") {
        builds += 1;
        await putBinary(args[args.indexOf("-o") + 1] ?? "", go === "wrong version" ? "3.0.0" : pins.engine);
        return ok();
      }
      if (command === "tar") {
        await putBinary(join(args[args.indexOf("-C") + 1] ?? "", "pulumi"), pins.engine);
        return ok();
      }
      return ok();
    },
  };
}

describe("the engine", () => {
  test("on PATH in the pinned version is taken, and nothing is installed", async () => {
    await putBinary(join(home, "bin", "pulumi"), pins.engine);
    const engine = await ensureEngine(createTools(join(home, "bin")), pins);
    expect(engine).toMatchObject({ way: "path", binFolder: join(home, "bin") });
    expect(builds).toBe(0);
  });

  test("on PATH in another version is left alone; one is made and found by the next checkout", async () => {
    await putBinary(join(home, "bin", "pulumi"), "3.1.0");
    const tools = createTools(join(home, "bin"));
    expect(await ensureEngine(tools, pins)).toMatchObject({ way: "build" });
    expect(await findEngine(tools, pins)).toMatchObject({ way: "cache" });
    expect(await ensureEngine(tools, pins)).toMatchObject({ way: "cache" });
    expect(builds).toBe(1);
  });

  test("comes from the official download where that can be reached, with its plugins", async () => {
    network = true;
    expect(await ensureEngine(createTools(), pins)).toMatchObject({ way: "download" });
    expect(said).toContain("  plugin hcloud 1.41.0");
    expect(builds).toBe(0);
  });

  test("says what it does and why a way did not work", async () => {
    await ensureEngine(createTools(), pins);
    expect(said[0]).toBe("Pulumi 3.259.0: official download");
    expect(said[1]).toBe("  not this way: fetch failed");
    expect(said[2]).toContain("go build of the published module");
    expect(said.at(-1)).toMatch(/done in \d+ s/);
  });

  test.each(["missing", "no network"] as const)(
    "no network, no cache, Go %s: an error that names the three ways",
    async (state) => {
      go = state;
      const failure = await ensureEngine(createTools(), pins).catch((error: Error) => error.message);
      expect(failure).toContain("could not be had in any of the three ways");
      expect(failure).toContain("on PATH: no pulumi");
      expect(failure).toContain("official download: fetch failed");
      expect(failure).toContain(state === "missing" ? "there is no Go on PATH" : "no route to host");
      expect(failure).toContain("put pulumi 3.259.0 on PATH; let this machine reach");
    },
  );

  test("that calls itself another version is refused and leaves nothing behind", async () => {
    go = "wrong version";
    await expect(ensureEngine(createTools(), pins)).rejects.toThrow(
      "it calls itself 3.0.0 instead of 3.259.0",
    );
    expect(await readdir(join(home, "cache", "engine"))).toEqual([]);
  });

  test("is made once by two that start at once", async () => {
    const engines = await Promise.all([ensureEngine(createTools(), pins), ensureEngine(createTools(), pins)]);
    expect(builds).toBe(1);
    expect(engines.map(({ binFolder }) => binFolder)[0]).toBe(engines[1]?.binFolder);
  });

  test("is made although somebody died while making it", async () => {
    await mkdir(join(home, "cache", "engine"), { recursive: true });
    // Above the highest process number of any Linux.
    await writeFile(join(home, "cache", "engine", "3.259.0.lock"), "4194999\n");
    expect(await ensureEngine(createTools(), pins)).toMatchObject({ way: "build" });
  });
});

describe("pins", () => {
  test("engine and plugins are those of package.json, exactly", () => {
    expect(readPins().engine).toBe("3.259.0");
    expect(Object.keys(readPins().plugins).toSorted()).toEqual(["cloudflare", "command", "hcloud"]);
  });

  test.each(["^3.259.0", "latest", ""])("%j is no pin", (version) => {
    const text = JSON.stringify({ dependencies: { "@pulumi/pulumi": version } });
    expect(() => readPins(text)).toThrow(/must pin @pulumi\/\w+ exactly/);
  });
});

describe("backend and passphrase", () => {
  test("follow from database and master key, so that a person and the service mean the same", () => {
    const made = backendEnvironment({
      DATABASE_URL: "postgres://a:b@127.0.0.1:5432/clawfleet",
      CLAWFLEET_MASTER_KEY: "ab".repeat(32),
    });
    expect(made["PULUMI_BACKEND_URL"]).toBe("postgres://a:b@127.0.0.1:5432/clawfleet?sslmode=disable");
    expect(made["PULUMI_CONFIG_PASSPHRASE"]).toBe(derivePassphrase("ab".repeat(32)));
  });

  test("a remote database keeps its TLS, and what is named wins", () => {
    const remote = "postgres://a:b@db.example.com:5432/clawfleet";
    expect(backendEnvironment({ DATABASE_URL: remote })).toEqual({ PULUMI_BACKEND_URL: remote });
    const named = { PULUMI_BACKEND_URL: "file://x", PULUMI_CONFIG_PASSPHRASE: "p" };
    expect(
      backendEnvironment({ ...named, DATABASE_URL: remote, CLAWFLEET_MASTER_KEY: "ab".repeat(32) }),
    ).toEqual(named);
    expect(backendEnvironment({})).toEqual({});
  });
});

test("a run gets the engine first on PATH, the levers, and DATABASE_URL as backend unless another is named", () => {
  const made = withEngine(
    { PATH: "/usr/bin", DATABASE_URL: "postgres://x/y" },
    "/engine/bin",
    "/node/bin/node",
  );
  expect(made["PATH"]).toBe("/engine/bin:/node/bin:/usr/bin");
  expect(made["PULUMI_BACKEND_URL"]).toBe("postgres://x/y");
  expect(made["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"]).toBe("true");
  expect(
    withEngine({ PULUMI_BACKEND_URL: "file://a", DATABASE_URL: "postgres://b/c" }, "", "")[
      "PULUMI_BACKEND_URL"
    ],
  ).toBe("file://a");
});
