/** Outbox, mail server and chats for a test file, without billing and engine: rows in, mails and alerts out. */
import type { Plans } from "../../infra/plans.ts";
import { createAlerts, type Alerts } from "../../reconciler/messages/alerts.ts";
import { announce } from "../../reconciler/messages/outbox.ts";
import { createMessages, type Messages, type MessagesDeps } from "../../reconciler/messages/messages.ts";
import type { Announcement } from "../../reconciler/messages/occasions.ts";
import { createRedact } from "../../reconciler/operations/redact.ts";
import { startAlertCatcher, type AlertCatcher } from "../sandbox/alerts/alerts.ts";
import { startMailCatcher, type KeptMail, type MailCatcher } from "../sandbox/mail/mail.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { createTestLog, type LogLine } from "./log.ts";

export type OutboxSeen = { subject: string; occasion: string; state: string; detail: string | null };

export type MessageSide = {
  database: TestDatabase;
  mail: MailCatcher;
  alerts: AlertCatcher;
  lines: LogLine[];
  /** As a process raises them. */
  raised: Alerts;
  /** Kinds, as the counter of the metrics is told of them. */
  counted: string[];
  clock: { now(): Date };
  advance(ms: number): void;
  /** One process more that sends; `look()` it by hand. */
  createProcess(change?: Partial<MessagesDeps>): Messages;
  /** One that is up: nobody is told that it is late. */
  addInstance(slug: string, email?: string | null): Promise<string>;
  /** Of an instance, due now. */
  say(instanceId: string, facts: Announcement["facts"], period?: string): Promise<void>;
  outbox(): Promise<OutboxSeen[]>;
  /** In the order of their arrival; those to operators are not among them. */
  letters(): KeptMail[];
  subjects(): string[];
  close(): Promise<void>;
};

const plans = { starter: { name: "Starter" } } as unknown as Plans;

export async function startMessageSide(): Promise<MessageSide> {
  const database = await createTestDatabase();
  const { sql } = database;
  const mail = await startMailCatcher();
  const alerts = await startAlertCatcher();
  const { log, lines } = createTestLog();
  let nowMs = Date.parse("2026-03-01T12:00:00.000Z");
  const clock = { now: () => new Date(nowMs) };
  const { hostname, port } = new URL(mail.smtpUrl);
  const settings = {
    mail: {
      smtp: { host: hostname, port: Number(port), secure: false, auth: undefined },
      from: { name: "Claws", address: "hello@claws.example" },
    },
    alertEmail: "ops@claws.example",
    slackUrl: alerts.slackUrl,
    telegram: alerts.telegram,
  };
  await sql`
    insert into clawfleet.cells (name, account, settings, secrets)
    values ('lab', 'default', ${sql.json({ zone: "claws.example" })}, '')`;
  const counted: string[] = [];
  const raised = createAlerts({
    sql,
    clock,
    log,
    redact: createRedact([alerts.telegram.token]),
    onAlert: (kind) => void counted.push(kind),
  });
  const made: Messages[] = [];
  const letters = () => mail.mails.filter(({ to }) => to[0] !== settings.alertEmail);

  return {
    database,
    mail,
    alerts,
    lines,
    raised,
    counted,
    clock,
    advance: (ms) => void (nowMs += ms),
    createProcess(change = {}) {
      const publicUrl = "https://join.example";
      const common = { sql, clock, log, alerts: raised, settings, publicUrl, plans: () => plans };
      const messages = createMessages({ ...common, ...change });
      made.push(messages);
      return messages;
    },
    async addInstance(slug, email = `${slug}@example.com`) {
      const id = `i-${slug}`;
      await sql`
        insert into clawfleet.instances (
          id, slug, provider, subscription_id, customer_id, email, cell, secrets, plan, phase, phase_reason, phase_since,
          server_type, location, desired_hash, observed_phase
        ) values (
          ${id}, ${slug}, 'stripe', ${`sub-${slug}`}, ${`cus-${slug}`}, ${email}, 'lab', '', 'starter', 'running', 'paid',
          ${clock.now()}, 'cx23', 'nbg1', '', 'running'
        )`;
      return id;
    },
    async say(instanceId, facts, period = "once") {
      const [row] = await sql<{ email: string | null }[]>`
        select email from clawfleet.instances where id = ${instanceId}`;
      const say = [{ facts, period, dueAt: clock.now(), expiresAt: null }];
      await announce(sql, { instanceId, email: row?.email ?? null }, { say, withdraw: [] }, clock.now());
    },
    outbox: async () =>
      await sql<OutboxSeen[]>`
        select subject, occasion, state, detail from clawfleet.outbox where channel = 'mail' order by id`,
    letters,
    subjects: () => letters().map(({ subject }) => subject),
    async close() {
      for (const one of made) await one.stop();
      await raised.settle();
      await Promise.all([mail.close(), alerts.close()]);
      await database.close();
    },
  };
}
