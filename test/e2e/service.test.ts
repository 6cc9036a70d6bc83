/**
 * Proves how the service starts, refuses to start, survives the death of one run and stops, as processes see it; and what a
 * person reads who wrote a wrong file. What a dead run leaves in the clouds is another matter.
 */
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runScript } from "../sandbox/demo/visitor.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";
import { listDescendants } from "../support/processes.ts";

const obstacle = await findObstacle();
const root = fileURLToPath(new URL("../..", import.meta.url));

type Ended = { code: number; stdout: string; stderr: string };

function start(env: Record<string, string>, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, ["--import", "tsx", "reconciler/main.ts", ...args], {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    timeout: 120_000,
  });
  const ended = { code: -1, stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (ended.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (ended.stderr += text));
  return new Promise((resolve) => child.once("close", (code) => resolve({ ...ended, code: code ?? -1 })));
}

describe("a service that cannot start", () => {
  test("names every mistake of its configuration at once and ends with 1", async () => {
    const ended = await start(
      { STRIPE_SECRET_KEY: "nonsense", CLAWFLEET_WORKERS: "many", HCLOUD_TOKEN: "short" },
      "start",
    );
    expect(ended.code).toBe(1);
    for (const name of [
      "CLAWFLEET_MASTER_KEY is missing",
      "CLAWFLEET_ADMIN_KEY is missing",
      "CLAWFLEET_PUBLIC_URL is missing",
      "STRIPE_SECRET_KEY: a Stripe secret or restricted key",
      "STRIPE_WEBHOOK_SECRET is missing",
      "CLOUDFLARE_API_TOKEN is missing",
      "HCLOUD_TOKEN: a Hetzner Cloud token: exactly 64 letters and digits",
      "CLAWFLEET_WORKERS",
      "docs/operations.md",
    ]) {
      expect(ended.stderr).toContain(name);
    }
    expect(ended.stderr).not.toContain("nonsense");
    expect(ended.stderr).not.toContain("at parseConfig");
  });

  test.each([[], ["fly"], ["work", "--cell", "Not a cell"]])(
    "says how it is called (%s)",
    async (...args) => {
      const ended = await start({}, ...args);
      expect(ended.code).toBe(2);
      expect(ended.stderr).toMatch(/Usage: clawfleet/);
    },
  );

  test("explains its roles to whoever asks", async () => {
    const ended = await start({}, "--help");
    expect(ended.code).toBe(0);
    for (const role of ["start", "serve", "work"]) expect(ended.stdout).toContain(`\n  ${role} `);
  });

  test.each(["serve", "work"])("%s does not begin without a shared database, and says why", async (role) => {
    const ended = await start({}, role);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(
      `DATABASE_URL is missing: every process with \`${role}\` shares one PostgreSQL`,
    );
  });

  test("a worker needs neither billing nor the operators' key", async () => {
    const { stderr } = await start({}, "work");
    expect(stderr).toContain("CLAWFLEET_MASTER_KEY is missing");
    expect(stderr).not.toMatch(/STRIPE|ADMIN_KEY|PUBLIC_URL/);
  });
});

describe.skipIf(obstacle !== undefined)("a service that runs", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet();
  });
  afterAll(() => fleet?.close());

  test("says that it is alive and ready, and what it counts", async () => {
    const read = async (path: string) => {
      const answer = await fetch(`${fleet.service.url}${path}`);
      return { status: answer.status, body: await answer.text() };
    };
    expect((await read("/healthz")).status).toBe(200);
    expect((await read("/readyz")).status).toBe(200);
    const metrics = await read("/metrics");
    expect(metrics.body).toContain("clawfleet_instances");
    expect((await read("/nowhere")).status).toBe(404);
  });

  test.each(["", "Bearer wrong", `Basic ${"x".repeat(40)}`])(
    "lets nobody operate it with %j",
    async (authorization) => {
      const answer = await fetch(`${fleet.service.url}/api/v1/instances`, { headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ error: { code: "unauthorized" } });
    },
  );

  test("a wrong override is refused with file, line, key and what is allowed; its customer and the others stay", async () => {
    await fleet.provision("amy");
    await fleet.untilStatus("amy", "ready");
    await writeFile(
      join(fleet.stacksDir, "Pulumi.amy.yaml"),
      "config:\n  clawfleet:plan: pro\n  clawfleet:size: big\n",
    );
    const { code, output } = await runScript("infra/engine/run.ts", ["preview", "-s", "amy"], {
      ...fleet.service.env,
      CLAWFLEET_STACKS_DIR: fleet.stacksDir,
    });
    expect(code).not.toBe(0);
    expect(output).toMatch(/Pulumi\.amy\.yaml:3: clawfleet:size: unknown key; allowed here: clawfleet:plan/);
    await eventually("the service says so too", async () => (await fleet.readLog()).includes("broken_file"));
    expect(await fleet.find("amy")).toMatchObject({ plan: "starter", status: "ready" });
    await writeFile(join(fleet.stacksDir, "Pulumi.amy.yaml"), "config:\n  clawfleet:plan: nothing\n");
    await eventually("an unknown plan is told", async () =>
      (await fleet.readLog()).includes("names the plan nothing; there are starter, pro"),
    );
    expect(await fleet.untilStatus("amy", "ready")).toMatchObject({ plan: "starter" });
  });

  test("a run is a process tree that can be killed alone: the service and other runs go on", async () => {
    fleet.sandbox.hetzner.disturbances.add({ kind: "slow-action", command: "create_server", ms: 8000 });
    await fleet.provision("bea");
    const engine = await eventually("the engine works on bea", async () =>
      (await listDescendants(fleet.service.pid)).find(({ command }) => / up .*--stack bea /.test(command)),
    );
    await eventually("Hetzner works on bea's server", () =>
      fleet.sandbox.hetzner
        .project()
        .servers()
        .some(({ name }) => name === "cf-bea"),
    );
    await fleet.provision("cam");
    process.kill(engine.pid, "SIGKILL");
    const operation = await fleet.nextOperation("bea", 0, ["up"]);
    expect(["failed", "interrupted"]).toContain(operation.outcome);
    expect(fleet.service.isAlive()).toBe(true);
    await fleet.untilStatus("cam", "ready");
  });

  test("SIGTERM lets the run that is under way end well, takes nothing new and leaves no process", async () => {
    const after = await fleet.lastOperationId("cam");
    await fleet.client.instances[":slug"].apply.$post({ param: { slug: "cam" }, query: { refresh: "true" } });
    await eventually("a run is under way", async () =>
      (await fleet.operations("cam")).some(({ id }) => id > after),
    );
    const below = await listDescendants(fleet.service.pid);
    expect(await fleet.service.stop(180_000)).toBe(0);
    const rows = await fleet.database.sql<{ outcome: string | null }[]>`
      select outcome from clawfleet.operations where stack = 'cam' and id > ${after}`;
    expect(rows.map(({ outcome }) => outcome)).toEqual(["unchanged"]);
    const left = await Promise.all(
      below.map(({ pid }) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
    );
    expect(left.filter((command) => command.includes("pulumi") || command.includes("runner.ts"))).toEqual([]);
  });
});
