/** Everything that the customer's pages need of orders, on the real rows and the real billing. */
import type { Sql } from "postgres";
import { instanceSecretsSchema } from "../../infra/config.ts";
import type { Plans } from "../../infra/plans.ts";
import { open, sealContext } from "../../infra/seal.ts";
import type { BillingProvider, Price } from "../billing/provider.ts";
import { findFleetInstanceById } from "../db/fleet.ts";
import { claimCredentials, expireOrder, findOrder, takeReturn, type OrderRow } from "../db/orders.ts";
import { findSeller, priceKeyOf } from "../desired/plan-prices.ts";
import { toProgress } from "../operations/progress.ts";
import { listResourceMarks } from "../operations/rows.ts";
import type { OperationWatch } from "../operations/watch.ts";
import { findAnyZone } from "../desired/selling.ts";
import { instanceHost } from "../../components/naming.ts";
import type { OrderDeps } from "../routes/orders.tsx";
import { createOrderId, hashSecret } from "../secrets.ts";
import { askForLink } from "../sign-in/ask.ts";
import { describeAmount } from "../money/amounts.ts";
import type { PlanOffer } from "../web/signup-page.tsx";
import { placeOrder } from "./place-order.ts";
import { readOrder } from "./read-order.ts";
import { describePlan } from "../web/describe-plan.ts";

export type OrdersDeps = {
  sql: Sql;
  clock: { now(): Date };
  /** The first that has a price for a plan sells it. */
  sellers: readonly BillingProvider[];
  watch: OperationWatch;
  masterKey: string;
  publicUrl: string;
  /** Of an instance that is not placed yet. */
  zone(): Promise<string | undefined>;
  plans(): Plans;
};

/** Prices are asked for at most this often; old ones are shown while billing cannot be asked. */
const priceAgeMs = 5 * 60_000;

export function createOrders(deps: OrdersDeps): Omit<OrderDeps, "log" | "zone"> {
  const { sql, clock, sellers } = deps;
  const prices = new Map<string, Map<string, Price>>();
  let pricesAt = -Infinity;

  /** Of every seller by its name; one that cannot be asked keeps what it said before. */
  async function readPrices(): Promise<typeof prices> {
    const now = clock.now().getTime();
    if (now - pricesAt < priceAgeMs) return prices;
    const plans = Object.values(deps.plans());
    await Promise.all(
      sellers.map(async (seller) => {
        const keys = plans.flatMap((plan) => priceKeyOf(plan, seller.name) ?? []);
        const read = await seller.readPrices(keys).catch(() => undefined);
        if (read !== undefined) prices.set(seller.name, read);
      }),
    );
    pricesAt = now;
    return prices;
  }

  async function stackOf(order: OrderRow | undefined): Promise<string | undefined> {
    if (!order || order.instanceId === null) return order?.slug;
    return (await findFleetInstanceById(sql, order.instanceId))?.slug;
  }

  return {
    async readOffers() {
      const known = await readPrices();
      return Object.entries(deps.plans())
        .filter(([, plan]) => plan.offered)
        .flatMap(([id, plan]): PlanOffer[] => {
          const seller = findSeller(plan, sellers);
          if (!seller) return [];
          const price = known.get(seller.provider.name)?.get(seller.priceKey);
          const { name } = plan;
          const trialDays = price?.trialDays ?? plan.trialDays;
          return [{ id, name, summary: describePlan(plan), price: price && describePrice(price), trialDays }];
        });
    },
    placeOrder: (input) =>
      placeOrder(
        {
          sql,
          clock,
          newOrderId: createOrderId,
          plans: () => deps.plans(),
          publicUrl: deps.publicUrl,
          sellers,
        },
        input,
      ),
    async cancelOrder(orderId) {
      const order = await findOrder(sql, orderId);
      if (order?.state !== "open") return;
      // The name is free only when nobody can pay for it any more.
      if (order.checkoutSessionId !== null) {
        const seller = sellers.find((one) => one.name === order.provider);
        if (seller === undefined || !(await seller.expireCheckout(order.checkoutSessionId))) return;
      }
      await expireOrder(sql, orderId);
    },
    readOrder: (orderId) =>
      readOrder(
        {
          sql,
          plans: () => deps.plans(),
          addressOf: async (slug) => {
            const zone = (await deps.zone()) ?? (await findAnyZone(sql));
            return `https://${instanceHost(slug, zone ?? "")}`;
          },
          readProgress: async (instanceId) => toProgress(await listResourceMarks(sql, instanceId)),
        },
        orderId,
      ),
    findReturn: (token) => takeReturn(sql, hashSecret(token), clock.now()),
    async revealCredentials(orderId) {
      const order = await findOrder(sql, orderId);
      if (!order || order.instanceId === null) return undefined;
      const instance = await findFleetInstanceById(sql, order.instanceId);
      if (instance?.status !== "ready" || instance.url === null) return undefined;
      const token = await readGatewayToken(sql, deps.masterKey, instance.id);
      // Claimed last: whoever fails before this has not used up the one showing.
      return (await claimCredentials(sql, orderId, clock.now())) ? { url: instance.url, token } : undefined;
    },
    async openAssistant(orderId) {
      const order = await findOrder(sql, orderId);
      if (!order || order.instanceId === null) return undefined;
      const instance = await findFleetInstanceById(sql, order.instanceId);
      if (instance?.status !== "ready" || instance.phase !== "running") return undefined;
      const asked = { instanceId: instance.id, slug: instance.slug, actor: "customer" };
      return await askForLink(deps, asked);
    },
    async waitForChange(orderId, timeoutMs) {
      const order = await findOrder(sql, orderId);
      // Until it is paid there is no stack to watch.
      await deps.watch.wait(
        (await stackOf(order)) ?? orderId,
        order?.instanceId ? timeoutMs : Math.min(timeoutMs, 1000),
      );
    },
  };
}

async function readGatewayToken(sql: Sql, masterKey: string, instanceId: string): Promise<string> {
  const [row] = await sql<
    { secrets: Uint8Array }[]
  >`select secrets from clawfleet.instances where id = ${instanceId}`;
  if (!row) throw new Error(`no instance ${instanceId}`);
  return instanceSecretsSchema.parse(open(masterKey, row.secrets, sealContext.instance(instanceId)))
    .gatewayToken;
}

/** "€29.00 a month". */
export function describePrice(price: Price): string | undefined {
  if (price.unitAmount === null) return undefined;
  const amount = describeAmount(price.unitAmount, price.currency);
  if (price.interval === null) return `${amount} once`;
  return price.intervalCount === 1
    ? `${amount} a ${price.interval}`
    : `${amount} every ${price.intervalCount} ${price.interval}s`;
}
