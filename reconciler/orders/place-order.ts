/** From a chosen name and plan to an open Checkout session, with the name held meanwhile. */
import type { Sql } from "postgres";
import { slugSchema } from "../../infra/config.ts";
import type { Plans } from "../../infra/plans.ts";
import { isReservedSlug } from "../../components/naming.ts";
import type { BillingProvider } from "../billing/provider.ts";
import { expireOrder, expireOrders, insertOrder, lockSlug, setOrderCheckout } from "../db/orders.ts";
import { findSeller } from "../desired/plan-prices.ts";
import { ClawfleetError } from "../errors.ts";
import { createToken, hashSecret } from "../secrets.ts";

/** Stripe's shortest session lifetime is 30 minutes; the name is held a little longer, for the webhook to arrive. */
export const checkoutLifetimeMs = 31 * 60_000;
const holdMarginMs = 5 * 60_000;

export type PlaceOrderDeps = {
  sql: Sql;
  clock: { now(): Date };
  newOrderId(): string;
  plans(): Plans;
  publicUrl: string;
  /** The first that has a price for the plan sells it. */
  sellers: readonly BillingProvider[];
};

/** @throws input_invalid (data.field says which), slug_taken, billing_unavailable. A failed order holds no name. */
export async function placeOrder(
  deps: PlaceOrderDeps,
  input: { plan: string; slug: string },
): Promise<{ orderId: string; payUrl: string }> {
  const plan = deps.plans()[input.plan];
  const seller = plan?.offered === true ? findSeller(plan, deps.sellers) : undefined;
  if (!plan || !seller) throw invalid("plan", "This plan is not offered. Choose one of the list.");
  const slug = parseSlug(input.slug);
  const now = deps.clock.now();
  const id = deps.newOrderId();
  const expiresAt = new Date(now.getTime() + checkoutLifetimeMs);

  await expireOrders(deps.sql, now);
  const held = {
    id,
    slug,
    plan: input.plan,
    createdAt: now,
    expiresAt: new Date(expiresAt.getTime() + holdMarginMs),
  };
  const taken = await deps.sql.begin(async (tx) => {
    await lockSlug(tx, slug);
    return !(await insertOrder(tx, held));
  });
  if (taken) {
    throw new ClawfleetError({
      code: "slug_taken",
      message: `The name "${slug}" is taken. Choose another one.`,
      retry: { kind: "permanent" },
    });
  }
  try {
    const orderUrl = `${deps.publicUrl}/orders/${id}`;
    const way = createWayBack(now);
    const checkout = await seller.provider.createCheckout({
      orderId: id,
      slug,
      planId: input.plan,
      lookupKey: seller.priceKey,
      trialDays: plan.trialDays,
      expiresAt,
      successUrl: orderUrl,
      // A visit changes nothing: the page there offers to pay after all or to give the name back.
      cancelUrl: orderUrl,
      returnToken: way.token,
    });
    await setOrderCheckout(deps.sql, id, { provider: seller.provider.name, ...checkout, ...way.kept });
    return { orderId: id, payUrl: checkout.url };
  } catch (error) {
    await expireOrder(deps.sql, id);
    throw error;
  }
}

/** Paying may take its time, at Paddle as long as anybody likes; the letters have the address anyway. */
const wayBackMs = 24 * 3_600_000;

export function createWayBack(now: Date): { token: string; kept: { returnHash: Buffer; returnUntil: Date } } {
  const token = createToken();
  const returnUntil = new Date(now.getTime() + wayBackMs);
  return { token, kept: { returnHash: hashSecret(token), returnUntil } };
}

/** @throws input_invalid */
export function parseSlug(text: string): string {
  const parsed = slugSchema.safeParse(text);
  if (!parsed.success) {
    throw invalid(
      "slug",
      `This name cannot be an address: it needs ${parsed.error.issues[0]?.message ?? "another form"}.`,
    );
  }
  if (isReservedSlug(parsed.data))
    throw invalid("slug", `The name "${parsed.data}" is reserved. Choose another one.`);
  return parsed.data;
}

function invalid(field: "slug" | "plan", message: string): ClawfleetError {
  return new ClawfleetError({
    code: "input_invalid",
    message,
    data: { field },
    retry: { kind: "permanent" },
  });
}
