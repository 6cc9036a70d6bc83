/** The billing providers that a configuration names. */
import { setTimeout as sleep } from "node:timers/promises";
import { createPaddleBilling } from "../billing/paddle.ts";
import type { BillingProvider } from "../billing/provider.ts";
import { createStripeBilling } from "../billing/stripe.ts";
import type { Config } from "../config.ts";

/** Stripe first: where a plan has a price at both, Stripe sells it. */
export function createProviders(config: Config, clock: { now(): Date }): BillingProvider[] {
  const stripe = createStripeBilling(config.stripe);
  if (!config.paddle) return [stripe];
  const wait = (ms: number, signal?: AbortSignal) => sleep(ms, undefined, { ...(signal && { signal }) });
  return [stripe, createPaddleBilling({ ...config.paddle, fetch, clock, wait })];
}

/** Where a customer's browser may be sent to pay. */
export function listCheckoutOrigins({ stripe, paddle }: Config): string[] {
  const stripes = stripe.apiUrl === "https://api.stripe.com" ? "https://checkout.stripe.com" : stripe.apiUrl;
  return paddle ? [stripes, new URL(paddle.checkoutUrl).origin] : [stripes];
}
