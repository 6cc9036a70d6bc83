/**
 * Proves with the real engine whose lock on a stack is removed, whose stays, and what a person reads then. It cannot prove that
 * the owner of a lock on another machine is dead; nor does the product try.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { isRunning } from "../support/processes.ts";
import { stateRoot } from "../support/state-rows.ts";

const obstacle = await findObstacle();
if (obstacle !== undefined) process.stderr.write(`skipped: ${obstacle}\n`);

let fleet: Fleet;

async function writeLock(
  stack: string,
  owner: { pid: number; hostname: string; takenAt: Date },
): Promise<string> {
  const key = `${stateRoot(fleet.database.url)}/locks/organization/clawfleet/${stack}/${crypto.randomUUID()}.json`;
  const { pid, hostname: host, takenAt } = owner;
  const content = JSON.stringify({ pid, username: "alice", hostname: host, timestamp: takenAt });
  const data = { data: Buffer.from(content).toString("base64") };
  await fleet.database
    .sql`insert into public.pulumi_state (key, data) values (${key}, ${fleet.database.sql.json(data)})`;
  return key;
}

async function isLocked(key: string): Promise<boolean> {
  return (await fleet.database.sql`select 1 from public.pulumi_state where key = ${key}`).length === 1;
}

describe.skipIf(obstacle !== undefined)("a locked stack", () => {
  beforeAll(async () => {
    fleet = await startFleet();
    await fleet.provision("iris");
    await fleet.untilStatus("iris", "ready");
  });
  afterAll(() => fleet?.close());

  test("a living owner's lock stays; the instance waits, says for whom, and goes on when it is given back", async () => {
    const key = await writeLock("iris", { pid: process.pid, hostname: hostname(), takenAt: new Date() });
    const operation = await fleet.apply("iris");
    expect(operation.outcome).toBe("failed");
    const row = await fleet.untilStatus("iris", "waiting");
    expect(row.statusDetail).toContain(`iris is locked by alice@${hostname()} (pid ${process.pid}) since `);
    expect(await isLocked(key)).toBe(true);
    await fleet.database.sql`delete from public.pulumi_state where key = ${key}`;
    await fleet.untilStatus("iris", "ready");
  });

  test("a dead owner's lock is removed, the locks of other stacks stay", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    const dead = { pid: child.pid ?? 0, hostname: hostname(), takenAt: new Date() };
    const [key, other, longer] = [
      await writeLock("iris", dead),
      await writeLock("other", dead),
      await writeLock("iris2", dead),
    ];
    const operation = await fleet.apply("iris");
    expect(operation.outcome).toBe("unchanged");
    expect(await Promise.all([key, other, longer].map(isLocked))).toEqual([false, true, true]);
  });

  test("a run of ours without a claim that is still alive is ended, and its lock removed", async () => {
    const orphan = spawn(process.execPath, ["-e", "setTimeout(() => {}, 600000)"], {
      detached: true,
      env: { CLAWFLEET_RUNNER: "some-worker-1" },
      stdio: "ignore",
    });
    await once(orphan, "spawn");
    const key = await writeLock("iris", { pid: orphan.pid ?? 0, hostname: hostname(), takenAt: new Date() });
    expect((await fleet.apply("iris")).outcome).toBe("unchanged");
    expect([await isLocked(key), await isRunning(orphan.pid ?? 0)]).toEqual([false, false]);
  });

  test("of a dead worker's machine the lock of its engine is removed, and that of a person who works there stays", async () => {
    const { sql } = fleet.database;
    const { id } = await fleet.apply("iris");
    const [run] = await sql<{ pid: number; startedAt: string }[]>`
      update clawfleet.operations set worker = 'host-a-77', outcome = 'interrupted' where id = ${id}
      returning (processes -> 0 ->> 'pid')::int as pid, processes -> 0 ->> 'startedAt' as "startedAt"`;
    const pid = run?.pid ?? 0;
    const takenAt = new Date(run?.startedAt ?? "");
    const [ours, hers] = [
      await writeLock("iris", { pid, hostname: "host-a", takenAt }),
      await writeLock("iris", { pid: pid + 1, hostname: "host-a", takenAt }),
    ];
    expect((await fleet.apply("iris")).outcome).toBe("failed");
    expect([await isLocked(ours), await isLocked(hers)]).toEqual([false, true]);
    await sql`delete from public.pulumi_state where key = ${hers}`;
    await fleet.untilStatus("iris", "ready");
  });

  test("nobody knows whether a lock's owner lives: after an hour the instance is parked with the commands", async () => {
    const takenAt = new Date(Date.now() - 2 * 3_600_000);
    const key = await writeLock("iris", { pid: 4242, hostname: "laptop", takenAt });
    await fleet.apply("iris");
    const { statusDetail } = await fleet.untilStatus("iris", "parked");
    for (const text of [
      `alice@laptop (pid 4242) since ${takenAt.toISOString()}`,
      "on laptop: ps -fp 4242",
      "npm run pulumi -- cancel --yes --stack iris",
      "npm run fleet -- apply iris",
    ])
      expect(statusDetail).toContain(text);
    expect(await isLocked(key)).toBe(true);
  });
});
