/** The way from billing to desired rows without engine and clouds: database, queue, simulated Stripe and Paddle, webhook routes. */
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { expect } from "vitest";
import { keepToOwnAccount } from "../../reconciler/billing/own-account.ts";
import { createPaddleBilling } from "../../reconciler/billing/paddle.ts";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";
import type { ApplyDeps } from "../../reconciler/desired/apply-deps.ts";
import { syncCells } from "../../reconciler/desired/cells.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { handleHint } from "../../reconciler/hints.ts";
import { createQueue } from "../../reconciler/queue/queue.ts";
import { answerError } from "../../reconciler/routes/errors.ts";
import { createWebhookRoutes } from "../../reconciler/routes/webhooks.ts";
import { sweep, type SweepResult } from "../../reconciler/sweep.ts";
import { startPaddle, type PaddleSimulator } from "../sandbox/paddle/paddle.ts";
import type { Subscription as PaddleSubscription } from "../sandbox/paddle/model.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { startStripe, type StripeSimulator } from "../sandbox/stripe/stripe.ts";
import type { Subscription } from "../sandbox/stripe/billing.ts";
import { createStripeCheck } from "./cloud-checks.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { createTestLog, type LogLine } from "./log.ts";
import { eventually } from "./poll.ts";

export const starterKey = "clawfleet-starter-monthly";
export const proKey = "clawfleet-pro-monthly";
/** Sold once, in no plan any more. */
export const unknownKey = "old-price";
/** Paddle's prices: of the plan that Stripe sells too, of the one that is paid once, and of none. */
export const paddlePrices = {
  starter: "pri_01jsandboxstarter000000000",
  lifetime: "pri_01jsandboxlifetime00000000",
  unknown: "pri_01jsandboxunknown000000000",
} as const;

export type InstanceSeen = {
  slug: string;
  plan: string;
  phase: string;
  ip: string;
  generation: number;
  votes: number;
};

export type BillingSide = {
  database: TestDatabase;
  stripe: StripeSimulator;
  billing: BillingProvider;
  paddle: PaddleSimulator;
  paddleBilling: BillingProvider;
  /** Of Paddle's notification destination. */
  paddleUrl: string;
  paddleSecret: string;
  apply: ApplyDeps;
  /** Of the webhook endpoint. */
  url: string;
  secret: string;
  lines: LogLine[];
  alerts: string[];
  outcomes: string[];
  /** What our clock says; starts with the real time. */
  now(): Date;
  advance(ms: number): void;
  subscribe(slug: string, lookupKey?: string): Subscription;
  subscribeAtPaddle(slug: string, price?: keyof typeof paddlePrices): PaddleSubscription;
  /** Pays once for the plan `lifetime`; the id of the transaction. */
  buyOnce(slug: string): string;
  /** Until every event is delivered and handled. */
  settle(): Promise<void>;
  sweep(cap?: { count: number; share: number }, providers?: BillingProvider[]): Promise<SweepResult>;
  instances(): Promise<InstanceSeen[]>;
  waitingConverges(): Promise<string[]>;
  events(): Promise<{ id: string; ignored: string | null }[]>;
  close(): Promise<void>;
};

export async function startBillingSide(): Promise<BillingSide> {
  const database = await createTestDatabase();
  const { sql } = database;
  const conformity = createStripeCheck();
  const stripe = await startStripe({ retryMs: 20, check: conformity.check });
  for (const lookupKey of [starterKey, proKey, unknownKey]) {
    stripe.seedPrice({ lookupKey, name: lookupKey, unitAmount: 2900 });
  }
  const paddle = await startPaddle({ retryMs: 20, requestsPerMinute: 100_000 });
  const month = { interval: "month", frequency: 1 };
  for (const [name, id] of Object.entries(paddlePrices))
    paddle.seedPrice({ id, name, unitAmount: 2900, cycle: name === "lifetime" ? null : month });
  let offsetMs = 0;
  const clock = { now: () => new Date(Date.now() + offsetMs) };
  const alerts: string[] = [];
  const outcomes: string[] = [];
  const { log, lines } = createTestLog();
  const queue = createQueue({ sql, connectionString: database.url, log, pollMs: 50 });
  await queue.start();

  const app = new Hono();
  const server = createAdaptorServer({ fetch: app.fetch });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const webhooks = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`;
  const url = `${webhooks}/stripe`;
  const paddleUrl = `${webhooks}/paddle`;
  const secret = stripe.addEndpoint(url);
  const paddleSecret = paddle.addDestination(paddleUrl);
  const own = { sql, clock };
  const billing = keepToOwnAccount(
    own,
    createStripeBilling({ secretKey: stripe.key, webhookSecrets: [secret], apiUrl: stripe.origin }),
  );
  const readPaddle = createPaddleBilling({
    apiKey: paddle.key,
    webhookSecrets: [paddleSecret],
    apiUrl: paddle.origin,
    checkoutUrl: paddle.checkoutUrl,
    fetch,
    // Signatures have the real time, whatever our own clock says.
    clock: { now: () => new Date() },
    wait: async () => undefined,
  });
  const paddleBilling = keepToOwnAccount(own, readPaddle);
  const providers = [billing, paddleBilling];
  const apply: ApplyDeps = {
    sql,
    queue,
    clock,
    log,
    masterKey: "ab".repeat(32),
    files: () => readStackFiles(sandboxStacks),
    onAlert: ({ kind }) => alerts.push(kind),
  };
  await syncCells(apply);
  app.onError((error, c) => answerError(c, error, log));
  const onWebhook = (_provider: string, outcome: string) => outcomes.push(outcome);
  app.route("/webhooks", createWebhookRoutes({ sql, queue, clock, log, providers, onWebhook }));
  queue.work("billing-hint", { concurrency: 2 }, (job) => handleHint({ ...apply, providers }, job.data));

  return {
    database,
    stripe,
    billing,
    paddle,
    paddleBilling,
    paddleUrl,
    paddleSecret,
    apply,
    url,
    secret,
    lines,
    alerts,
    outcomes,
    now: clock.now,
    advance: (ms) => void (offsetMs += ms),
    subscribe: (slug, lookupKey = starterKey) =>
      stripe.createPaidSubscription({ lookupKey, email: `${slug}@example.com`, metadata: { slug } }),
    subscribeAtPaddle(slug, price = "starter") {
      const order = { priceId: paddlePrices[price], email: `${slug}@example.com`, customData: { slug } };
      return paddle.subscription(paddle.buy(order).subscription_id ?? "");
    },
    buyOnce: (slug) =>
      paddle.buy({
        priceId: paddlePrices.lifetime,
        email: `${slug}@example.com`,
        customData: { slug },
      }).id,
    async settle() {
      expect(await stripe.delivery.idle(60_000)).toBe(true);
      expect(await paddle.notifications.idle(60_000)).toBe(true);
      await eventually("every hint is handled", async () => {
        const [waiting] = await sql<{ count: number }[]>`
          select (select count(*) from clawfleet.billing_events where handled_at is null and ignored is null)::int
            + (select count(*) from pgboss.job where name = 'billing-hint' and state <= 'active')::int as count`;
        return waiting?.count === 0;
      });
    },
    sweep: (deleteCap = { count: 10, share: 1 }, asked = providers) =>
      sweep({ ...apply, providers: asked, intervalMs: 5000, deleteCap }, new AbortController().signal),
    instances: async () =>
      await sql<InstanceSeen[]>`
        select slug, plan, phase, host(private_ip) as ip, generation::int as generation, delete_votes as votes
        from clawfleet.instances order by slug`,
    async waitingConverges() {
      const found = await sql<{ stack: string }[]>`
        select data ->> 'stack' as stack from pgboss.job where name = 'converge' and state = 'created' order by 1`;
      return found.map(({ stack }) => stack);
    },
    events: async () =>
      await sql<{ id: string; ignored: string | null }[]>`select id, ignored from clawfleet.billing_events`,
    async close() {
      await queue.stop(2000);
      await new Promise((resolve) => server.close(resolve));
      await Promise.all([stripe.close(), paddle.close()]);
      await database.close();
      expect(conformity.violations).toEqual([]);
      expect(conformity.requestViolations).toEqual([]);
    },
  };
}
