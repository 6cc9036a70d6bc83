/** What Clawfleet asks of whoever bills its customers. Stripe is the first, others stand beside it behind the same few verbs. */

import type { BillingDesk } from "./desk.ts";

/**
 * A subscription as the provider has it now. A level: nothing in it says what changed. What is paid once (Paddle) is read as
 * one that goes on; the plan's own rule ends it (desired/one-time.ts).
 */
export type SubscriptionReading = {
  id: string;
  customerId: string;
  email: string | null;
  /** Name and order that our own Checkout wrote into the metadata. */
  slug: string | null;
  orderId: string | null;
  /** Of each item the lookup key of its price, else (Paddle: always) the price's id. */
  priceKeys: string[];
  /** In the provider's words for Stripe's states; others are translated into these. */
  status: string;
  createdAt: Date;
  /** End of the period that is paid for. */
  periodEnd: Date | null;
  /** Set while a cancellation lies ahead. */
  cancelAt: Date | null;
  endedAt: Date | null;
  /** While or after a trial. Absent where the provider has none. */
  trialEnd?: Date | null;
  /** That is paid for, in the provider's words; absent: one. Further assistants are readings of their own. */
  quantity?: number;
};

/** A verified webhook. Only a hint: what it is about is read again. */
export type WebhookHint = {
  eventId: string;
  type: string;
  customerId: string | null;
  /** The object that the event is about; the customer is asked from it when the event does not name one. */
  objectId: string | null;
  livemode: boolean;
  /** Set when the event belongs to another account than ours (Connect). */
  account: string | null;
};

export type CheckoutRequest = {
  orderId: string;
  slug: string;
  planId: string;
  /** By which the plan names its price at this provider. */
  lookupKey: string;
  /** 0: none. Paddle: those of the price count. */
  trialDays: number;
  /** 30 minutes to 24 hours ahead (Stripe's limits). Paddle's page stays open: who pays late is served under another name. */
  expiresAt: Date;
  successUrl: string;
  cancelUrl: string;
  /** Leads back to the order once, where the page's own address can be read by others (Paddle: the seller's site). */
  returnToken: string;
  /** Somebody who comes back; absent: somebody new. */
  customerId?: string;
  /** Assistants; absent: one. */
  quantity?: number;
  /** Tells apart pages for the same order: each gives a session of its own. */
  attempt?: string;
};

export type Price = {
  /** By which the plan names it. */
  lookupKey: string;
  id: string;
  /** In the currency's smallest unit; null for tiered or metered prices. */
  unitAmount: number | null;
  currency: string;
  interval: string | null;
  intervalCount: number;
  /** Absent where the plan says it (Stripe). */
  trialDays?: number;
};

export type BillingProvider = {
  /** What its customers may do by themselves. */
  readonly desk: BillingDesk;
  /** Name in our rows: stripe, paddle, comped. */
  readonly name: string;
  /** Whether our key is one for real money; events of the other mode are not ours. */
  readonly livemode: boolean;
  /** Id of the account that our key is of; null where the provider, or the rights of the key, do not say. */
  readAccount(): Promise<string | null>;
  /**
   * Every subscription in every state, page by page and never all at once in memory. Ends normally only when the
   * provider said that there is no more; anything else throws.
   */
  listSubscriptions(signal?: AbortSignal): AsyncIterable<SubscriptionReading[]>;
  /** Every state; empty when the provider knows no such customer. */
  readCustomerSubscriptions(customerId: string): Promise<SubscriptionReading[]>;
  /** Whose object this is; null when it belongs to nobody or is gone. */
  findCustomer(objectId: string): Promise<string | null>;
  /** @throws ClawfleetError input_invalid when the signature is wrong, too old or missing, or the body is not an event. */
  verifyWebhook(rawBody: string, headers: Headers): Promise<WebhookHint>;
  /** The same order asked for twice gives the same session at Stripe, a second one at Paddle: ask once. */
  createCheckout(request: CheckoutRequest): Promise<{ sessionId: string; url: string }>;
  /** True when nobody can pay for the order's name any more; false when it was paid already. @throws billing_unavailable */
  expireCheckout(sessionId: string): Promise<boolean>;
  createPortal(request: { customerId: string; returnUrl: string }): Promise<{ url: string }>;
  /** Active prices by the key that plans name them by; unknown keys are absent. */
  readPrices(lookupKeys: readonly string[]): Promise<Map<string, Price>>;
};
