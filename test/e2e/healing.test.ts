/**
 * Proves with the real reconciler, engine and machines that run scripts that an instance that fell ill is helped without a
 * person: by a restart, by a reboot at Hetzner, and, where the plan allows it, by a new server; and that operators see it.
 * Readings come every two seconds here. It cannot prove anything about systemd itself: `make lab` does the same on real machines.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FleetRow } from "../../reconciler/db/fleet.ts";
import { createQueue } from "../../reconciler/queue/queue.ts";
import { createTestLog } from "../support/log.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";
import { runScript } from "../sandbox/demo/visitor.ts";

const obstacle = await findObstacle();
if (obstacle !== undefined) process.stderr.write(`skipped: ${obstacle}\n`);

let fleet: Fleet;
/** Hetzner's id of the server that a new one replaced. */
let replaced: number;
const waitMs = 240_000;
const serverId = (slug: string) => fleet.sandbox.hetzner.project().server(`cf-${slug}`).id;

async function inside(slug: string, script: string): Promise<string> {
  const answer = await fleet.sandbox.machines?.run(serverId(slug), script);
  if (answer?.code !== 0) throw new Error(`${script}: ${answer?.stderr ?? "no machines"}`);
  return answer.stdout.trim();
}

const untilHealth = (
  slug: string,
  what: string,
  isThere: (health: NonNullable<FleetRow["health"]>) => boolean,
) =>
  eventually(
    `${slug} is ${what}`,
    async () => {
      const { health } = await fleet.find(slug);
      return health !== null && isThere(health) ? health : undefined;
    },
    waitMs,
  );
const untilWell = (slug: string) => untilHealth(slug, "well", ({ verdict }) => verdict === "well");
const untilHelped = (slug: string, step: string) =>
  untilHealth(slug, `well after a ${step}`, (health) => health.verdict === "well" && health.step === step);

/** Newest first. */
const steps = async (slug: string) =>
  (await fleet.operations(slug))
    .filter(({ reason }) => reason === "heal")
    .map(({ kind, outcome }) => `${kind} ${outcome}`);

describe.skipIf(obstacle !== undefined)("healing", () => {
  beforeAll(async () => {
    fleet = await startFleet({ CLAWFLEET_PROBE_SECONDS: "2" });
    const plans = join(fleet.stacksDir, "plans.yaml");
    const text = await readFile(plans, "utf8");
    await writeFile(plans, text.replace(/^pro:\n/m, "pro:\n  healing: { rebuild: true }\n"));
    for (const [slug, plan] of [
      ["amy", "starter"],
      ["bea", "pro"],
    ] as const) {
      await fleet.provision(slug, plan);
      await fleet.untilStatus(slug, "ready");
    }
  }, 500_000);
  afterAll(() => fleet?.close());

  test("a running one is read: release, disk, memory and load are known", async () => {
    const { vitals, warnings } = await untilWell("amy");
    expect(vitals?.gateway).toMatchObject({ answer: "started", version: "2026.9.6" });
    expect(vitals?.disk.totalMb).toBeGreaterThan(0);
    expect(vitals?.memory.totalMb).toBeGreaterThan(0);
    expect(warnings.filter((kind) => kind !== "disk" && kind !== "memory" && kind !== "load")).toEqual([]);
  });

  test("its customer gets a link that signs in once, under the customer's own name", async () => {
    const { code, output } = await runScript("reconciler/cli/main.ts", ["sign-in", "amy"], fleet.service.env);
    const link =
      /^https:\/\/amy\.claws\.example\/#bootstrapToken=[\w-]{43}&.*gatewayUrl=wss%3A%2F%2Famy\.claws\.example$/m;
    expect(output).toMatch(link);
    expect(code).toBe(0);
    const [left] = await fleet.database.sql<
      { count: number }[]
    >`select count(*)::int as count from clawfleet.sign_ins`;
    expect(left?.count).toBe(0);
  });

  test("its unit was stopped, which systemd leaves alone: it is started again", async () => {
    await inside("amy", "systemctl stop openclaw");
    await untilHelped("amy", "restart");
    expect(await inside("amy", "systemctl is-active openclaw")).toBe("active");
    expect(await steps("amy")).toEqual(["restart succeeded"]);
    const show = await runScript("reconciler/cli/main.ts", ["show", "amy"], fleet.service.env);
    expect(show.output).toMatch(/^health +well for .*last help: restart/m);
    expect(show.output).toMatch(/^machine +openclaw 2026\.9\.6, disk \d+ %/m);
  });

  test("its machine died and Hetzner does not know: it is rebooted through the API", async () => {
    await fleet.sandbox.machines?.powerOff(serverId("amy"));
    await untilHealth("amy", "ill", ({ verdict }) => verdict === "ill");
    await untilHelped("amy", "reboot");
    expect(await steps("amy")).toEqual(["reboot succeeded", "restart succeeded"]);
    const resets = fleet.sandbox.hetzner.exchanges.filter(({ path }) => path.endsWith("/actions/reset"));
    expect(resets).toHaveLength(1);
  });

  test("neither helps, and the plan allows it: a new server takes its place", async () => {
    await untilWell("bea");
    const before = serverId("bea");
    // Every start needs it, and a reboot does not bring it back.
    await inside("bea", "rm -rf /opt/node /opt/node-*; systemctl kill --signal=SIGKILL openclaw");
    await untilHelped("bea", "rebuild");
    expect(serverId("bea")).not.toBe(before);
    expect(await steps("bea")).toEqual(["up succeeded", "reboot succeeded", "restart succeeded"]);
    await fleet.untilStatus("bea", "ready");
    replaced = before;
  });

  test("the worker died before it could say so, and another one takes the same step: the new server stays", async () => {
    const made = serverId("bea");
    const [row] = await fleet.database.sql<{ id: string; cell: string; attempt: number }[]>`
      update clawfleet.health h set verdict = 'ill', begun = true, rung = 'reboot', probe_at = now() + interval '1 hour'
      from clawfleet.instances i where i.id = h.instance_id and i.slug = 'bea' returning i.id, i.cell, h.attempt`;
    const queue = createQueue({
      sql: fleet.database.sql,
      connectionString: fleet.database.url,
      log: createTestLog().log,
    });
    await queue.start();
    const heal = {
      step: "rebuild",
      attempt: row?.attempt ?? -1,
      server: `${replaced}`,
      trouble: "gateway-down",
    } as const;
    const job = {
      stack: "bea",
      instanceId: row?.id ?? "",
      cell: row?.cell ?? "",
      kind: "heal",
      heal,
    } as const;
    await fleet.database.sql.begin((tx) =>
      queue.enqueueConverge(tx, { ...job, reason: "heal", actor: "test" }),
    );
    await queue.stop(0);
    await eventually(
      "the step was taken again",
      async () => (await steps("bea")).filter((step) => step === "up succeeded").length === 2,
      waitMs,
    );
    expect(serverId("bea")).toBe(made);
  });

  test("a held one is left alone, and seen to be ill", async () => {
    await fleet.writeOverride("amy", ["hold: true"]);
    await eventually("the override counts", async () => {
      const [row] = await fleet.database
        .sql`select override ->> 'hold' as hold from clawfleet.instances where slug = 'amy'`;
      return row?.["hold"] === "true";
    });
    const before = await steps("amy");
    await inside("amy", "systemctl stop openclaw");
    await eventually(
      "it has been ill for long",
      async () => {
        const [row] = await fleet.database.sql<{ strikes: number }[]>`
          select h.strikes from clawfleet.health h join clawfleet.instances i on i.id = h.instance_id where i.slug = 'amy'`;
        return (row?.strikes ?? 0) >= 8;
      },
      waitMs,
    );
    expect(await steps("amy")).toEqual(before);
    expect((await fleet.find("amy")).health?.verdict).toBe("ill");
  });
});
