/** The billing providers that a configuration names. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import type { Plans } from "../../infra/plans.ts";
import { findPlanOfPrice } from "../desired/plan-prices.ts";
import { keepToOwnAccount } from "../billing/own-account.ts";
import { createPaddleBilling } from "../billing/paddle.ts";
import type { BillingProvider } from "../billing/provider.ts";
import { createStripeBilling } from "../billing/stripe.ts";
import type { Config } from "../config.ts";

/** Stripe first: where a plan has a price at both, Stripe sells it. */
export function createProviders(
  config: Config,
  deps: { sql: Sql; clock: { now(): Date }; plans(): Plans },
): BillingProvider[] {
  const isPlanPriceAt = (provider: string) => (key: string) =>
    findPlanOfPrice(deps.plans(), provider, key) !== undefined;
  const ours = createStripeBilling({ ...config.stripe, isPlanPrice: isPlanPriceAt("stripe") });
  const stripe = keepToOwnAccount(deps, ours);
  if (!config.paddle) return [stripe];
  const wait = (ms: number, signal?: AbortSignal) => sleep(ms, undefined, { ...(signal && { signal }) });
  const paddle = createPaddleBilling({
    ...config.paddle,
    fetch,
    clock: deps.clock,
    wait,
    isPlanPrice: isPlanPriceAt("paddle"),
  });
  return [stripe, keepToOwnAccount(deps, paddle)];
}

/** Where a customer's browser may be sent to pay, and to the provider's own pages for customers. */
export function listCheckoutOrigins({ stripe, paddle }: Config): string[] {
  const stripes =
    stripe.apiUrl === "https://api.stripe.com"
      ? ["https://checkout.stripe.com", "https://billing.stripe.com"]
      : [stripe.apiUrl];
  if (!paddle) return stripes;
  const portal = isPaddles(paddle.apiUrl) ? "https://*.paddle.com" : paddle.apiUrl;
  return [...stripes, new URL(paddle.checkoutUrl).origin, portal];
}

function isPaddles(apiUrl: string): boolean {
  return new URL(apiUrl).hostname.endsWith(".paddle.com");
}
