/**
 * Proves that what happens to a customer is written to the outbox with the row that changes, once for each occasion,
 * through repeated sweeps and second thoughts, and reaches the customer. Real billing side and rows; no engine runs: what
 * a converge records is recorded by hand.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { InstanceOutputs } from "../../infra/outputs.ts";
import { recordMovedOut, recordWaiting } from "../../reconciler/db/observed.ts";
import { createAlerts, type Alerts } from "../../reconciler/messages/alerts.ts";
import { createMessages, type Messages } from "../../reconciler/messages/messages.ts";
import { tellGone, tellParked, tellReady } from "../../reconciler/messages/recorded.ts";
import { readStackFiles, type StackFiles } from "../../reconciler/desired/stack-files.ts";
import { createRedact } from "../../reconciler/operations/redact.ts";
import { createOperators } from "../../reconciler/operators/operators.ts";
import { startMailCatcher, type MailCatcher } from "../sandbox/mail/mail.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { startBillingSide, type BillingSide } from "../support/billing.ts";

const dayMs = 86_400_000;
const outputs = { url: "https://bob.claws.example" } as unknown as InstanceOutputs;

let side: BillingSide;
let mail: MailCatcher;
let messages: Messages;
let alerts: Alerts;
let files: StackFiles;
beforeEach(async () => {
  side = await startBillingSide();
  mail = await startMailCatcher();
  const read = await readStackFiles(sandboxStacks);
  const starter = read.plans["starter"];
  if (!starter) throw new Error("the sandbox has no plan starter");
  const grace = { pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 };
  files = { ...read, plans: { ...read.plans, starter: { ...starter, grace } } };
  side.apply.files = async () => files;
  const { hostname, port } = new URL(mail.smtpUrl);
  const { sql, clock, log } = side.apply;
  alerts = createAlerts({ sql, clock, log, redact: createRedact([]) });
  messages = createMessages({
    sql,
    clock,
    log,
    alerts,
    settings: {
      mail: {
        smtp: { host: hostname, port: Number(port), secure: false, auth: undefined },
        from: { name: "Claws", address: "hello@claws.example" },
      },
      alertEmail: undefined,
      slackUrl: undefined,
      telegram: undefined,
    },
    publicUrl: "https://join.example",
    plans: () => files.plans,
  });
});
afterEach(async () => {
  await messages.stop();
  await mail.close();
  await side.close();
});

/** Subjects without the address at their end. */
const told = () => mail.mails.map(({ subject }) => subject.split(":")[0]);

async function rowOf(
  slug: string,
): Promise<{ id: string; generation: number; phase: "running" | "suspended" }> {
  const [row] = await side.apply.sql<{ id: string; generation: number; phase: "running" | "suspended" }[]>`
    select id, generation, phase from clawfleet.instances where slug = ${slug}`;
  if (!row) throw new Error(`there is no ${slug}`);
  return row;
}

/** What a converge that ended well records. */
async function converge(slug: string): Promise<void> {
  const { id, generation, phase } = await rowOf(slug);
  await tellReady(side.apply.sql, id, { generation, phase, outputs, now: side.now() });
}

/** Sweeps and looks, twice: the second time nothing may be new. */
async function pass(ms = 0): Promise<void> {
  side.advance(ms);
  for (let round = 0; round < 2; round += 1) {
    await side.sweep();
    await messages.look();
  }
}

async function subscribe(slug = "bob"): Promise<string> {
  const { id } = side.subscribe(slug);
  await side.settle();
  return id;
}

describe("the life of a customer", () => {
  test("from payment to deletion is told step by step, each step once", async () => {
    const id = await subscribe();
    await pass();
    expect(told()).toEqual(["Your order"]);
    await converge("bob");
    await pass();
    await converge("bob");
    await pass();
    expect(told().slice(1)).toEqual(["Your assistant is ready"]);
    side.stripe.cancelSubscription(id);
    await side.settle();
    await converge("bob");
    await pass();
    expect(told().slice(2)).toEqual(["Your assistant has been stopped"]);
    for (let day = 1; day <= 33; day += 1) await pass(dayMs);
    expect(told().slice(3)).toEqual([
      "Your assistant is deleted in 7 days",
      "Your assistant is deleted in 3 days",
      "Your assistant is deleted tomorrow",
    ]);
    await tellGone(side.apply.sql, (await rowOf("bob")).id, side.now());
    await pass();
    await pass(dayMs);
    expect(told().slice(6)).toEqual(["Your assistant has been deleted"]);
    expect(new Set(mail.mails.map(({ messageId }) => messageId)).size).toBe(7);
    expect(new Set(mail.mails.map(({ to }) => to[0]))).toEqual(new Set(["bob@example.com"]));
  });

  test("who comes back hears that it runs again, and nothing of a deletion any more", async () => {
    const id = await subscribe();
    await converge("bob");
    await pass();
    side.stripe.setStatus(id, "unpaid");
    await side.settle();
    await converge("bob");
    await pass(dayMs);
    side.stripe.setStatus(id, "active");
    await side.settle();
    await converge("bob");
    await pass();
    for (let day = 0; day < 40; day += 1) await pass(dayMs);
    expect(told().slice(2)).toEqual(["Your assistant has been stopped", "Your assistant is running again"]);
  });

  test("who is comped after the end is not warned, and is when that is taken back", async () => {
    const id = await subscribe();
    await converge("bob");
    await pass();
    side.stripe.cancelSubscription(id);
    await side.settle();
    await pass();
    files = { ...files, overrides: new Map([["bob", { comped: true }]]) };
    await pass(dayMs);
    await converge("bob");
    await pass(23 * dayMs);
    expect(told().slice(2)).toEqual(["Your assistant has been stopped", "Your assistant is running again"]);
    files = { ...files, overrides: new Map() };
    await pass();
    await pass(3 * dayMs);
    expect(told().slice(4)).toEqual([
      "Your assistant has been stopped",
      "Your assistant is deleted in 3 days",
    ]);
  });

  test("who pays late is told once a time, and again the next time", async () => {
    const id = await subscribe();
    await converge("bob");
    await pass();
    for (let month = 0; month < 2; month += 1) {
      side.stripe.setStatus(id, "past_due");
      await side.settle();
      await pass(dayMs);
      side.stripe.setStatus(id, "active");
      await side.settle();
      await pass(dayMs);
    }
    expect(told().slice(2)).toEqual(["Your payment did not go through", "Your payment did not go through"]);
  });

  test("who pays before the mail has left does not get it any more", async () => {
    const id = await subscribe();
    await converge("bob");
    await pass();
    side.stripe.setStatus(id, "past_due");
    await side.settle();
    side.stripe.setStatus(id, "active");
    await side.settle();
    await pass();
    expect(told()).toHaveLength(2);
  });

  test("a new address of the customer's is where the next mail goes", async () => {
    await subscribe();
    await fetch(`${side.stripe.origin}/v1/customers/${side.stripe.subscriptions()[0]?.customer ?? ""}`, {
      method: "POST",
      headers: { authorization: `Bearer ${side.stripe.key}` },
      body: new URLSearchParams({ email: "new@example.com" }),
    });
    await side.settle();
    await converge("bob");
    await pass();
    expect(mail.mails.at(-1)?.to).toEqual(["new@example.com"]);
  });

  test("a failed transaction says nothing", async () => {
    side.subscribe("bob");
    const failing = { ...side.apply.queue, enqueueConverge: () => Promise.reject(new Error("no queue")) };
    side.apply.queue = failing;
    await expect(side.sweep()).rejects.toThrow("no queue");
    expect(await side.apply.sql`select id from clawfleet.outbox`).toEqual([]);
  });
});

describe("our own failure", () => {
  test("that only a person can mend is told the customer at once, once, and the operators", async () => {
    await subscribe();
    const { id } = await rowOf("bob");
    for (let round = 0; round < 3; round += 1)
      await tellParked(alerts, { kind: "instance", id }, "a record is in the way", side.now());
    await pass();
    expect(told()).toEqual(["Your order", "Your assistant is late"]);
    const [alert] = await side.apply
      .sql`select kind, about, occurrences from clawfleet.alerts where kind = 'parked'`;
    expect(alert).toEqual({ kind: "parked", about: "bob", occurrences: 3 });
    await converge("bob");
    await pass();
    expect(told().slice(2)).toEqual(["Your assistant is ready"]);
  });

  test("that is tried again and again is told after an hour", async () => {
    await subscribe();
    const { id } = await rowOf("bob");
    const wait = { detail: "ssh", retryAt: side.now(), countsAsFailure: true, reason: "paid" } as const;
    await recordWaiting(side.apply.sql, { kind: "instance", id }, wait);
    await pass(30 * 60_000);
    expect(told()).toEqual(["Your order"]);
    await pass(31 * 60_000);
    await pass(31 * 60_000);
    expect(told().slice(1)).toEqual(["Your assistant is late"]);
  });

  test("to end a move within the hour is told to both, and that it is over; one that takes minutes to nobody", async () => {
    await subscribe();
    await converge("bob");
    await pass(90 * dayMs);
    const { id } = await rowOf("bob");
    const late = async () => await side.apply.sql`select 1 from clawfleet.alerts where kind = 'late'`;
    await recordMovedOut(side.apply.sql, id, side.now());
    await pass(5 * 60_000);
    await converge("bob");
    await pass(dayMs);
    expect([told(), await late()]).toEqual([["Your order", "Your assistant is ready"], []]);
    await recordMovedOut(side.apply.sql, id, side.now());
    await pass(59 * 60_000);
    expect(told().slice(2)).toEqual([]);
    await pass(2 * 60_000);
    expect(told().slice(2)).toEqual(["Your assistant is late"]);
    expect(mail.mails.at(-1)?.text).toContain("Your assistant is not back yet");
    expect(await late()).toHaveLength(1);
    await converge("bob");
    await pass();
    expect(told().slice(3)).toEqual(["Your assistant is running again"]);
  });

  test("with an assistant that runs is the operators' alone", async () => {
    await subscribe();
    await converge("bob");
    const { id } = await rowOf("bob");
    await tellParked(alerts, { kind: "instance", id }, "a resize was refused", side.now());
    await pass();
    expect(told()).toEqual(["Your order", "Your assistant is ready"]);
  });

  test("in reading billing is told the operators", async () => {
    await subscribe();
    const refused = { kind: "answer", status: 500, body: { error: { message: "no" } } } as const;
    side.stripe.faults.add({ path: "^/v1/subscriptions", times: 100, effect: refused });
    await side.sweep();
    expect(side.alerts).toContain("sweep_failed");
  });
});

describe("an assistant that nobody pays for", () => {
  test("is written of to the address that it was given, and to nobody where there is none", async () => {
    const operators = createOperators(side.apply);
    const gift = { plan: "starter", actor: "an operator" };
    await operators.provision({ ...gift, slug: "amy", email: "amy@example.com" });
    await operators.provision({ ...gift, slug: "cleo", email: null });
    for (const slug of ["amy", "cleo"]) await converge(slug);
    await pass();
    expect(mail.mails.map(({ to, subject }) => `${to[0]} ${subject.split(":")[0]}`)).toEqual([
      "amy@example.com Your order",
      "amy@example.com Your assistant is ready",
    ]);
    expect(mail.mails[0]?.text).toContain("An assistant for you");
  });
});
