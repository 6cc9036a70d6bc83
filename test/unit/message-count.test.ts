/**
 * Proves with the real script on a real SQLite file which runs of an assistant count as messages, on which day, and that a machine
 * whose ledger cannot be read is read all the same. The table is that of OpenClaw 2026.9.6, without the columns that nobody reads;
 * that OpenClaw writes such rows only the real one shows (docs/limits.md, Billing).
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { remoteScripts } from "../../cloud-init/files.ts";
import { vitalsSchema, type Vitals } from "../../reconciler/health/vitals.ts";

const dayMs = 86_400_000;
/** Midnight may come between a test's first line and its last. */
const overMidnight = { retry: 1 };
let state: string;
let ledger: DatabaseSync;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "ledger-"));
  mkdirSync(join(state, "state"));
  ledger = new DatabaseSync(join(state, "state", "openclaw.sqlite"));
  ledger.exec(`
    pragma journal_mode = wal;
    create table audit_events (
      sequence integer primary key autoincrement, occurred_at integer not null, kind text not null, action text not null,
      status text not null, session_key text
    ) strict;
    create index idx_audit_events_time on audit_events (occurred_at desc, sequence desc)`);
});
afterEach(() => {
  if (ledger.isOpen) ledger.close();
  rmSync(state, { recursive: true, force: true });
});

type Row = { at: number; action?: string; status?: string; session?: string | null };

function write({ at, action = "agent.run.finished", status = "succeeded", session }: Row): void {
  ledger
    .prepare(
      "insert into audit_events (occurred_at, kind, action, status, session_key) values (?, 'agent_run', ?, ?, ?)",
    )
    .run(at, action, status, session === undefined ? "agent:main:main" : session);
}

/** What the machine says; the ledger stays open meanwhile, as the gateway has it. */
function read(): Vitals["messages"] {
  const said = execFileSync(process.execPath, ["--input-type=module", "--eval", remoteScripts.probe], {
    env: { PATH: process.env["PATH"], OPENCLAW_STATE_DIR: state },
    encoding: "utf8",
    timeout: 30_000,
  });
  return vitalsSchema.parse(JSON.parse(said)).messages;
}

const midnight = () => new Date().setUTCHours(0, 0, 0, 0);
const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);

test("answers of today and of yesterday, each on its day", overMidnight, () => {
  const today = midnight();
  for (const at of [today, today + 1, today - 1, today - dayMs, today - dayMs - 1]) write({ at });
  expect(read()).toEqual([
    { day: dayOf(today - dayMs), count: 2 },
    { day: dayOf(today), count: 2 },
  ]);
});

test("nothing but what came to a good end, and no helper that the agent called itself", overMidnight, () => {
  const at = midnight();
  write({ at, action: "agent.run.started", status: "started" });
  write({ at, status: "failed" });
  write({ at, action: "tool.action.finished" });
  write({ at, session: "agent:main:subagent:5f0c" });
  write({ at, session: "agent:main:telegram:direct:123456789" });
  write({ at, session: null });
  expect(read()?.at(-1)?.count).toBe(2);
});

test("a ledger that is not there, is no database or has another form: everything else is said", () => {
  ledger.exec("alter table audit_events rename to other_events");
  expect(read()).toBeUndefined();
  ledger.close();
  rmSync(join(state, "state"), { recursive: true });
  expect(read()).toBeUndefined();
  mkdirSync(join(state, "state"));
  writeFileSync(join(state, "state", "openclaw.sqlite"), "no database");
  expect(read()).toBeUndefined();
});

test("a ledger that never ends is given up", () => {
  ledger.exec(`
    drop table audit_events;
    create view audit_events as
      with recursive n(x) as (select 1 union all select x + 1 from n)
      select x as occurred_at, 'agent.run.finished' as action, 'succeeded' as status, null as session_key from n`);
  expect(read()).toBeUndefined();
});
