/**
 * Proves on the real queue and a real PostgreSQL what each class of failure does to an instance: backoff, at once, parked, blocked;
 * that one at a time looks after what is blocked, and that all wake in the order of their urgency. No engine runs here:
 * failures are given as the run would have said them.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { block, enqueueProbes, heal, healSeen } from "../../reconciler/converge/blocked.ts";
import { classifyFailure } from "../../reconciler/converge/failure.ts";
import { recordFailure } from "../../reconciler/converge/record-failure.ts";
import { enqueueDue } from "../../reconciler/converge/worker.ts";
import { findConvergeRow, recordReady } from "../../reconciler/db/observed.ts";
import type { Reason } from "../../reconciler/queue/jobs.ts";
import { startBillingSide, type BillingSide } from "../support/billing.ts";

const minuteMs = 60_000;
let side: BillingSide;
let deps: Parameters<typeof recordFailure>[0];

beforeAll(async () => {
  side = await startBillingSide();
  const { sql, queue, clock, log } = side.apply;
  const gate = { budgetOf: () => "default" };
  deps = { sql, queue, clock, log, gate, random: () => 0.5, retryFirstMs: 5_000 };
});
beforeEach(async () => {
  for (const slug of ["amy", "bob", "cleo", "dora"]) side.subscribe(slug);
  await side.settle();
  await deps.sql`delete from pgboss.job`;
});
afterEach(async () => {
  await deps.sql`truncate clawfleet.blocks, clawfleet.instances, clawfleet.orders, clawfleet.operations cascade`;
});
afterAll(() => side.close());

async function rowOf(slug: string) {
  const [found] = await deps.sql<{ id: string }[]>`select id from clawfleet.instances where slug = ${slug}`;
  const row = await findConvergeRow(deps.sql, found?.id ?? "");
  if (!row) throw new Error(`there is no ${slug}`);
  return row;
}

/** As a run of this reason that ended with this text. */
async function fail(slug: string, text: string, reason: Reason): Promise<void> {
  const { retry, message } = classifyFailure([text]);
  if (retry.kind === "permanent") throw new Error("parking is not recorded here");
  await recordFailure(deps, await rowOf(slug), { retry, message, reason });
}

async function seen(slug: string) {
  const [row] = await deps.sql<
    {
      status: string;
      detail: string;
      failures: number;
      reason: string;
      by: string | null;
      waitMs: number | null;
    }[]
  >`select status, status_detail as detail, failures, retry_reason as reason, blocked_by as by,
      round(extract(epoch from retry_at - ${side.now()}::timestamptz))::int * 1000 as "waitMs"
    from clawfleet.instances where slug = ${slug}`;
  return row;
}

const queued = async () =>
  (
    await deps.sql<{ job: string }[]>`
      select concat(data ->> 'stack', ' ', data ->> 'reason', ' ', priority) as job from pgboss.job
      where name = 'converge' and state = 'created' order by priority desc, data ->> 'stack'`
  ).map(({ job }) => job);

const ill = "internal error (unavailable)";
const byUrgencyOf = (jobs: readonly string[]) => jobs.map((job) => job.split(" ")[1]);

describe("each class", () => {
  test.each([
    ["now", "changed meanwhile (conflict)", { by: null, failures: 1, waitMs: 0 }],
    ["retryable", "server is locked (locked)", { by: null, failures: 1, waitMs: 5_000 }],
    ["blocked by Hetzner", ill, { by: "hetzner", failures: 0, waitMs: null }],
    [
      "blocked by a limit",
      "limit (resource_limit_exceeded)",
      { by: "hetzner-limit", failures: 0, waitMs: null },
    ],
    ["blocked by Cloudflare", '{"errors":[{"code":971}]}', { by: "cloudflare", failures: 0, waitMs: null }],
    [
      "blocked by the zone",
      '{"errors":[{"code":81045}]}',
      { by: "cloudflare-quota", failures: 0, waitMs: null },
    ],
  ])("%s", async (_name, text, expected) => {
    await fail("bob", text, "paid");
    expect(await seen("bob")).toMatchObject({ status: "waiting", reason: "paid", ...expected });
  });

  test("what is tried at once is tried with a pause from the third time on", async () => {
    const waits: (number | null | undefined)[] = [];
    for (let count = 0; count < 4; count += 1) {
      await fail("bob", "changed meanwhile (conflict)", "paid");
      waits.push((await seen("bob"))?.waitMs);
    }
    expect(waits).toEqual([0, 0, 20_000, 40_000]);
  });

  test("the operator reads what it waits for", async () => {
    await fail("bob", ill, "paid");
    expect((await seen("bob"))?.detail).toBe("waiting for Hetzner: internal error (unavailable)");
  });
});

describe("urgency", () => {
  test("a paid one that failed is tried again as paid, before resyncs", async () => {
    await fail("amy", "server is locked (locked)", "resync");
    await fail("bob", "server is locked (locked)", "paid");
    side.advance(10_000);
    expect(await enqueueDue(deps)).toBe(2);
    expect(await queued()).toEqual(["bob paid 100", "amy resync 20"]);
  });

  test("stays what it was when a resync of the same one fails afterwards", async () => {
    await fail("bob", ill, "paid");
    await fail("bob", ill, "resync");
    expect((await seen("bob"))?.reason).toBe("paid");
  });

  test("is forgotten with the work that is done", async () => {
    await fail("bob", ill, "paid");
    const { id, generation } = await rowOf("bob");
    const outputs = {
      serverId: "1",
      serverType: "cx23",
      location: "fsn1" as const,
      ipv4: "192.0.2.1",
      ipv6: "2001:db8::1",
      privateIp: "10.0.0.3",
      url: "https://bob.claws.example",
      hosts: ["bob.claws.example"],
      openclawVersion: "2026.9.6",
      health: "ok",
    };
    await recordReady(deps.sql, id, { generation, phase: "running", outputs, now: side.now() });
    expect(await seen("bob")).toMatchObject({ status: "ready", reason: null, by: null });
  });
});

describe("blocked", () => {
  async function blockAll(): Promise<void> {
    await fail("amy", ill, "resync");
    await fail("bob", ill, "cancel");
    await fail("cleo", ill, "paid");
    await fail("dora", '{"errors":[{"code":971}]}', "paid");
  }

  test("all who wait for what heals wake at once, in the order of their urgency; others sleep on", async () => {
    await blockAll();
    expect(await heal(deps, ["hetzner"], "default", { force: true })).toBe(3);
    expect(byUrgencyOf(await queued())).toEqual(["paid", "cancel", "resync"]);
    expect(await seen("cleo")).toMatchObject({ status: "pending", by: null, reason: "paid" });
    expect(await seen("dora")).toMatchObject({ status: "waiting", by: "cloudflare" });
  });

  test("of two processes that find out one wakes them", async () => {
    await blockAll();
    const woken = await Promise.all(
      Array.from({ length: 4 }, () => heal(deps, ["hetzner"], "default", { force: true })),
    );
    expect(woken.toSorted((a, b) => a - b)).toEqual([0, 0, 0, 3]);
  });

  test("another account's success wakes nobody", async () => {
    await blockAll();
    expect(await heal(deps, ["hetzner"], "other", { force: true })).toBe(0);
  });

  test("while they wait the most urgent one looks, alone, and the next look is later and later", async () => {
    await blockAll();
    expect(await enqueueDue(deps), "not yet").toBe(0);
    side.advance(6_000);
    expect(await enqueueDue(deps)).toBe(2);
    expect(await queued()).toEqual(["cleo paid 100", "dora paid 100"]);
    expect(await enqueueDue(deps), "once").toBe(0);
    const waits: number[] = [];
    for (let look = 0; look < 12; look += 1) {
      const [row] = await deps.sql<{ ms: number }[]>`
        select round(extract(epoch from probe_at - ${side.now()}::timestamptz) * 1000)::int as ms
        from clawfleet.blocks where blocked_by = 'hetzner'`;
      waits.push(row?.ms ?? 0);
      side.advance((row?.ms ?? 0) + 1);
      await enqueueProbes(deps);
    }
    expect(waits.every((ms, at) => at === 0 || ms >= (waits[at - 1] ?? 0) * 0.9)).toBe(true);
    expect(Math.max(...waits)).toBeLessThanOrEqual(12 * minuteMs);
  });

  test("looks go round: who found it ill comes after those of the same urgency", async () => {
    await fail("amy", ill, "paid");
    side.advance(100);
    await fail("bob", ill, "paid");
    side.advance(minuteMs);
    await enqueueProbes(deps);
    expect(await queued()).toEqual(["amy paid 100"]);
    await deps.sql`delete from pgboss.job`;
    await fail("amy", ill, "paid");
    side.advance(minuteMs);
    await enqueueProbes(deps);
    expect(await queued()).toEqual(["bob paid 100"]);
  });

  test("one that never runs, for want of a worker or by a person's order, keeps nobody else asleep", async () => {
    await fail("amy", ill, "paid");
    for (const slug of ["bob", "cleo"]) await fail(slug, ill, "resync");
    await fail("dora", ill, "paid");
    await deps.sql`update clawfleet.instances set override = '{"hold": true}' where slug = 'dora'`;
    const looked: string[] = [];
    for (let look = 0; look < 6; look += 1) {
      side.advance(15 * minuteMs);
      await enqueueProbes(deps);
      looked.push(...(await queued()).map((job) => job.split(" ")[0] ?? ""));
      // Nobody takes it.
      await deps.sql`delete from pgboss.job`;
    }
    expect(new Set(looked)).toEqual(new Set(["amy", "bob", "cleo"]));
    expect(looked[0]).toBe("amy");
  });

  test("what a person holds is not queued again and again", async () => {
    await fail("bob", "server is locked (locked)", "paid");
    await deps.sql`update clawfleet.instances set override = '{"hold": true}' where slug = 'bob'`;
    side.advance(60 * minuteMs);
    expect(await enqueueDue(deps)).toBe(0);
    await deps.sql`update clawfleet.instances set override = '{}' where slug = 'bob'`;
    expect(await enqueueDue(deps)).toBe(1);
  });

  test("what comes back right after it healed is not believed at once again", async () => {
    await blockAll();
    const success = { account: "default", clouds: ["hetzner" as const], deleted: false };
    await healSeen(deps, success);
    expect(await seen("cleo")).toMatchObject({ by: null });
    await fail("cleo", ill, "paid");
    await healSeen(deps, success);
    expect(await seen("cleo"), "it stands for a while").toMatchObject({ by: "hetzner" });
    side.advance(minuteMs);
    await healSeen(deps, success);
    expect(await seen("cleo")).toMatchObject({ by: null });
  });

  test("room made by a deletion wakes those who waited for room, another success does not", async () => {
    await fail("bob", "limit (resource_limit_exceeded)", "paid");
    await healSeen(deps, { account: "default", clouds: ["hetzner"], deleted: false });
    expect(await seen("bob")).toMatchObject({ by: "hetzner-limit" });
    await healSeen(deps, { account: "default", clouds: ["hetzner"], deleted: true });
    expect(await queued()).toEqual(["bob paid 100"]);
  });

  test("a block that nobody waits for any more ends by itself", async () => {
    await block(deps, await rowOf("bob"), {
      blockedBy: "hetzner",
      scope: "default",
      message: "x",
      reason: "paid",
    });
    await deps.sql`update clawfleet.instances set status = 'gone', blocked_by = null`;
    side.advance(minuteMs);
    expect(await enqueueProbes(deps)).toBe(0);
    const [row] = await deps.sql`select healed_at from clawfleet.blocks`;
    expect(row?.["healed_at"]).not.toBeNull();
  });
});
