/** Proves how `fleet` ends when what it was asked for cannot be had: not as if the service were away, and not by somebody else's failure. No worker runs. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { driftScanCommand } from "../../reconciler/cli/drift.ts";
import { planCommand } from "../../reconciler/cli/plan.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { createCliIo } from "../support/cli-io.ts";

let api: AdminApp;
beforeAll(async () => {
  api = await startAdminApp();
});
afterAll(() => api?.close());

test("a plan against the commit of a fleet that is at none is refused, and is no unreachable service", async () => {
  const { io } = createCliIo(api);
  const options = { head: "HEAD", label: [], folder: "stacks", format: "table", wait: 1 } as const;
  await expect(planCommand({ ...io, environment: {} }, options)).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("at no commit"),
    remedy: "say --base <commit>",
  });
});

describe("a scan for drift", () => {
  const endScans = async (): Promise<void> => {
    await api.database.sql`
      insert into clawfleet.drift_scans (account, actor, started_at, ended_at, outcome, requests, compared)
      values ('default', 'admin', now(), now(), 'complete', 3, 0)`;
  };

  test("ends well whatever the last one of an account was that nobody asks any more", async () => {
    await api.database.sql`
      insert into clawfleet.drift_scans (account, actor, started_at, ended_at, outcome, detail)
      values ('retired', 'clock', now(), now(), 'failed', 'the token is refused')`;
    const { io, said } = createCliIo(api, endScans);
    expect(await driftScanCommand(io, {})).toBe(0);
    expect(said.join("\n")).toContain("account retired: last look");
  });

  test("that nobody can do says so", async () => {
    await api.database.sql`update clawfleet.cells set outputs = null`;
    const { io, said } = createCliIo(api);
    expect(await driftScanCommand(io, {})).toBe(1);
    expect(said).toEqual([
      "no cell is up yet: there is nothing to look at\nwhat to do: fleet cells says what they wait for",
    ]);
  });
});
