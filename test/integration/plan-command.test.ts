/**
 * Proves what `fleet plan` does when previews take long: it says how far they are, waits as long as it is told, and the same command
 * again is the same plan. The real routes on a real database with a real git repository; who previews is the test.
 */
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFleetClient } from "../../reconciler/cli/client.ts";
import { planCommand } from "../../reconciler/cli/plan.ts";
import { createApiKeys } from "../../reconciler/operators/api-keys.ts";
import type { OperatorEnv } from "../../reconciler/routes/access.ts";
import { identify } from "../../reconciler/routes/guard.ts";
import { createGitRoutes, createPlanRoutes } from "../../reconciler/routes/plans.ts";
import { startGitopsRig, type GitopsRig } from "../support/gitops-rig.ts";

const minuteMs = 60_000;

describe("fleet plan", () => {
  let rig: GitopsRig;
  let api: Hono<OperatorEnv>;
  beforeAll(async () => {
    rig = await startGitopsRig({});
    const { sql, clock } = rig.deps;
    const keys = createApiKeys({ sql, clock, rootKey: rig.admin.rootKey });
    const guard = { sql, clock, keys, rate: { burst: 1e6, perSecond: 1e6 } };
    api = new Hono<OperatorEnv>()
      .use(identify(guard))
      .route("/api/v1/plans", createPlanRoutes(rig.plans))
      .route("/api/v1/git", createGitRoutes(rig.plans));
  });
  afterAll(() => rig?.close());

  /** `everyMinute`: what happens while it waits. */
  const run = async (head: string, { wait = 60, label = "" } = {}, everyMinute = async () => {}) => {
    const [printed, noted, shown]: [string[], string[], (string | null)[]] = [[], [], []];
    let nowMs = 0;
    const ended = planCommand(
      {
        client: createFleetClient({
          url: "http://fleet",
          adminKey: rig.admin.rootKey,
          fetch: async (input, init) =>
            await api.request(input instanceof Request ? input : String(input), init),
        }),
        print: (line) => void printed.push(line),
        note: (line) => void noted.push(line),
        ask: async () => undefined,
        paint: (text) => text,
        progress: (line) => void shown.push(line),
        async sleep() {
          nowMs += minuteMs;
          await everyMinute();
        },
        now: () => new Date(nowMs),
        environment: { PATH: process.env["PATH"] ?? "", GIT_DIR: rig.repository.gitDir },
      },
      {
        head: `origin/${head}`,
        request: 7,
        label: label === "" ? [] : [label],
        folder: "stacks",
        wait,
        format: "markdown",
      },
    );
    const code = await ended.catch((error: unknown) => (error instanceof Error ? error.message : "?"));
    return { code, printed: printed.join("\n"), noted, shown, minutes: nowMs / minuteMs };
  };
  const countPlans = async () =>
    (await rig.deps.sql`select 1 from clawfleet.plans where purpose = 'review'`).length;
  const version = (number: number) => `config:\n  clawfleet:openclawVersion: 2026.8.${number}\n`;

  test("says how far it is, ends when its time is over, and then goes on with the same plan", async () => {
    await rig.repository.commit("long", {
      "stacks/Pulumi.ada.yaml": version(1),
      "stacks/Pulumi.bob.yaml": version(1),
    });
    const first = await run("long", { wait: 3 });
    expect(first.code).toMatch(/^plan \d+: 0 of 2 previewed, and the time is over$/);
    expect([first.minutes, first.noted.length, first.shown.at(-1)]).toEqual([3, 2, null]);
    const second = await run("long", { label: "may be lost" }, async () => void (await rig.preview()));
    expect([second.code, second.minutes]).toEqual([0, 1]);
    expect(second.shown[0]).toBe(first.shown[0]);
    expect(second.printed).toContain("2 customers");
    expect(await countPlans()).toBe(1);
    const [row] = await rig.deps.sql`select labels from clawfleet.plans where purpose = 'review'`;
    expect(row?.["labels"]).toEqual(["may be lost"]);
  });

  test("asks anew once its answer was read, and for another head", async () => {
    const preview = async () => void (await rig.preview());
    expect((await run("long", {}, preview)).code).toBe(0);
    expect(await countPlans()).toBe(2);
    await rig.repository.commit("long", { "stacks/Pulumi.ada.yaml": version(2) });
    await run("long", { wait: 1 });
    await rig.repository.commit("long", { "stacks/Pulumi.ada.yaml": version(3) });
    expect((await run("long", {}, preview)).code).toBe(0);
    expect(await countPlans()).toBe(4);
  });
});
