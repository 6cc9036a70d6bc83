/** Stripe's failures in our words. */
import Stripe from "stripe";
import { ClawfleetError } from "../errors.ts";

export function noPrice(lookupKey: string): ClawfleetError {
  return new ClawfleetError({
    code: "billing_unavailable",
    message: `Stripe has no active price with the lookup key ${lookupKey}`,
    remedy: "give the plan's price this lookup key in Stripe, or correct stacks/plans.yaml",
    retry: { kind: "retryable" },
  });
}

export function unavailable(why: string, cause?: unknown): ClawfleetError {
  return new ClawfleetError({
    code: "billing_unavailable",
    message: `Stripe: ${why}`,
    remedy:
      "look at Stripe's status page, and whether the key is right and has the rights of docs/operations.md",
    retry: { kind: "retryable" },
    cause,
  });
}

export async function inOurWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) {
      throw unavailable(`${error.type}${error.code === undefined ? "" : ` ${error.code}`}`, error);
    }
    throw error;
  }
}

/** undefined when Stripe knows no such object. */
export async function orNothing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Stripe.errors.StripeInvalidRequestError && error.code === "resource_missing")
      return undefined;
    return await inOurWords(() => Promise.reject(error));
  }
}
