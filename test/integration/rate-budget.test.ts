/**
 * Proves on a real PostgreSQL that processes share one budget: many takers never overspend at a simulated Hetzner that counts
 * for itself, what others use is learned, urgency has its reserve, and a storm stops everybody until one has looked. Two gates
 * in one process stand for two processes: they share nothing but the database.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Registry } from "prom-client";
import { createGateMetrics } from "../../reconciler/gate/metrics.ts";
import { reserves } from "../../reconciler/gate/level.ts";
import { startHetzner, type Hetzner } from "../sandbox/hetzner/hetzner.ts";
import type { Reason } from "../../reconciler/queue/jobs.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startTestGate, type TestGate } from "../support/gate.ts";
import { eventually } from "../support/poll.ts";

/** Small, so that it is used up; refills by one in ten seconds, so that it stays so. */
const limit = 360;
let database: TestDatabase;
let hetzner: Hetzner;
let gates: TestGate[];

beforeAll(async () => {
  database = await createTestDatabase({ max: 20 });
});
beforeEach(async () => {
  hetzner = await startHetzner({ rateLimit: { perHour: limit } });
  gates = await Promise.all([startOne(), startOne()]);
});
afterEach(async () => {
  for (const { gate } of gates) await gate.close();
  await hetzner.close();
  await database.sql`delete from clawfleet.rate_budgets`;
});
afterAll(() => database.close());

function startOne(): Promise<TestGate> {
  const tokens = { hcloudToken: hetzner.token, cloudflareToken: "c".repeat(40) };
  return startTestGate(database.sql, { hetzner: hetzner.url }, { accounts: { default: tokens } });
}

async function ask(which: number, reason: Reason): Promise<number> {
  const url = gates[which]?.gate.addressesFor({ account: "default", reason }).hetzner ?? "";
  const answer = await fetch(`${url}/locations`, { headers: { authorization: `Bearer ${hetzner.token}` } });
  await answer.arrayBuffer();
  return answer.status;
}

async function askMany(count: number, reason: Reason): Promise<{ good: number; refused: number }> {
  const statuses = await Promise.all(
    Array.from({ length: count }, (_, at) => ask(at % gates.length, reason)),
  );
  const good = statuses.filter((status) => status === 200).length;
  return { good, refused: statuses.filter((status) => status === 429).length };
}

/** As the cloud itself counts. */
const isAsked = () => hetzner.exchanges.length;
const throttled = () => hetzner.exchanges.filter(({ status }) => status === 429).length;

describe("one budget for all", () => {
  test("500 takers in two processes get what there is, and the cloud never has to refuse one", async () => {
    // What Hetzner counts is learned with the first answer, its limit too.
    expect(await ask(0, "paid")).toBe(200);
    await eventually("it is learned", async () => {
      const [row] = await database.sql`select 1 from clawfleet.rate_budgets where request_limit = ${limit}`;
      return row;
    });
    const { good, refused } = await askMany(500, "paid");
    expect(good + refused).toBe(500);
    expect(throttled()).toBe(0);
    expect(isAsked()).toBe(good + 1);
    expect(good).toBeGreaterThan(limit * 0.8);
    expect(good).toBeLessThan(limit + 30);
  });

  test("resyncs stop at their reserve, and a new customer does not notice them", async () => {
    await ask(0, "paid");
    await eventually("it is learned", async () => {
      const [row] = await database.sql`select 1 from clawfleet.rate_budgets where request_limit = ${limit}`;
      return row;
    });
    const flood = await askMany(limit, "resync");
    expect(flood.refused).toBeGreaterThanOrEqual(Math.floor(limit * reserves.resync) - 30);
    expect(hetzner.project().requestsLeft()).toBeGreaterThanOrEqual(Math.floor(limit * reserves.resync) - 1);
    expect(await askMany(60, "paid")).toEqual({ good: 60, refused: 0 });
    expect(throttled()).toBe(0);
  });

  test("what somebody else uses of it is learned from the headers", async () => {
    expect(await ask(0, "paid")).toBe(200);
    hetzner.project().setRequestsLeft(3);
    await ask(0, "paid");
    await eventually("it is known", async () => {
      const [row] = await database.sql<{ remaining: number }[]>`
        select remaining from clawfleet.rate_budgets where cloud = 'hetzner'`;
      return row && row.remaining < 5;
    });
    expect(await ask(1, "resync"), "not asked, in the other process").toBe(429);
    expect(throttled()).toBe(0);
  });

  test("it is one, whatever each process calls the account, and people read every name", async () => {
    const tokens = { hcloudToken: hetzner.token, cloudflareToken: "c".repeat(40) };
    const clouds = { hetzner: hetzner.url };
    const other = await startTestGate(database.sql, clouds, { accounts: { second: tokens } });
    const third = await startTestGate(database.sql, clouds, {
      accounts: { second: { ...tokens, hcloudToken: "b".repeat(64) } },
    });
    const of = ({ gate }: TestGate, account: string) => gate.budgetOf("hetzner", account);
    expect(of(other, "second")).toBe(gates[0]?.gate.budgetOf("hetzner", "default"));
    expect(of(third, "second")).not.toBe(of(other, "second"));
    await ask(0, "paid");
    const url = other.gate.addressesFor({ account: "second", reason: "paid" }).hetzner;
    await fetch(`${url}/locations`, { headers: { authorization: `Bearer ${hetzner.token}` } });
    await Promise.all([other.gate.close(), third.gate.close()]);
    const rows = await database.sql`select token_key, accounts from clawfleet.rate_budgets`;
    expect(rows.map(({ accounts }) => accounts)).toEqual([["default", "second"]]);
    expect(JSON.stringify(rows), "no part of a token").not.toContain(hetzner.token.slice(0, 8));
    const registry = new Registry();
    createGateMetrics(registry, database.sql);
    expect(await registry.metrics()).toContain(
      `clawfleet_rate_budget_limit{cloud="hetzner",account="default+second"} ${limit}`,
    );
  });

  test("lots that are not needed come back", async () => {
    expect(await askMany(20, "paid")).toEqual({ good: 20, refused: 0 });
    await eventually("nobody holds any", async () => {
      const [row] = await database.sql`select 1 from clawfleet.rate_budgets where leases = '{}'`;
      return row;
    });
  });
});

describe("storm", () => {
  const failing = (times: number) =>
    hetzner.faults.add({
      path: "^/v1/",
      times,
      effect: {
        kind: "answer",
        status: 503,
        body: { error: { code: "unavailable", message: "no", details: null } },
      },
    });
  const state = async () => {
    const [row] = await database.sql<{ breaker: string }[]>`select breaker from clawfleet.rate_budgets`;
    return row?.breaker;
  };
  /** Longer than a request is held back. */
  const pauseForLong = () =>
    database.sql`update clawfleet.rate_budgets set breaker_until = now() + interval '1 hour'`;
  const metrics = async () => {
    const registry = new Registry();
    createGateMetrics(registry, database.sql);
    return await registry.metrics();
  };

  test("stops everybody, one looks, and when it is over somebody says so, once", async () => {
    // Five open it; three looks find it ill still.
    failing(8);
    for (let count = 0; count < 5; count += 1) expect(await ask(0, "paid")).toBe(503);
    await eventually("it is open", async () => (await state()) === "open");
    expect(await metrics()).toContain(
      'clawfleet_breaker_state{cloud="hetzner",account="default",state="open"} 1',
    );
    await pauseForLong();
    const before = isAsked();
    for (const which of [0, 1]) expect(await ask(which, "paid")).toBe(503);
    expect(isAsked(), "nobody asks").toBe(before);
    for (let look = 0; look < 3; look += 1) {
      const known = isAsked();
      // Time passes for the database alone.
      await database.sql`update clawfleet.rate_budgets set breaker_until = now()`;
      await eventually("one looks", () => isAsked() > known);
      await eventually("and it is open again", async () => (await state()) === "open");
      expect(isAsked()).toBe(known + 1);
    }
    await database.sql`update clawfleet.rate_budgets set breaker_until = now()`;
    await eventually("it is closed", async () => (await state()) === "closed");
    expect(gates.flatMap(({ healed }) => healed)).toEqual([
      { cloud: "hetzner", tokenKey: gates[0]?.gate.budgetOf("hetzner", "default") },
    ]);
    expect(await ask(1, "paid")).toBe(200);
    expect(await metrics()).toContain('clawfleet_rate_budget_limit{cloud="hetzner",account="default"} 360');
  });

  test("a cloud that drops every connection is a storm too", async () => {
    hetzner.faults.add({ path: "^/v1/", times: 5, effect: { kind: "drop-before" } });
    for (let count = 0; count < 5; count += 1) await expect(ask(0, "paid")).rejects.toThrow("fetch failed");
    await eventually("it is open", async () => (await state()) === "open");
    await pauseForLong();
    expect(await ask(1, "paid")).toBe(503);
  });
});
