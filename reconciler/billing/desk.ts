/** What a customer may do about their own subscription, whoever bills it. Amounts are in the currency's smallest unit. */

export type ChangePreview = {
  /** Charged at once; below zero: a credit. */
  dueNow: number;
  /** Charged each period from then on; null where it cannot be told. `net`: tax is added, and discounts are taken off. */
  recurring: { amount: number; net: boolean } | null;
  currency: string;
  /** The moment that the sum is of: handed over with the change, so that what was shown is what is charged. */
  at: Date;
};

/** One at a time: another plan for as many assistants as before, or another number of them at the price that is paid. */
export type Wish = { priceKey: string } | { quantity: number };

export type Invoice = {
  id: string;
  at: Date;
  amount: number;
  currency: string;
  state: "paid" | "open" | "void";
};

export type BillingDesk = {
  /** Changes nothing. @throws billing_unavailable */
  previewChange(change: { subscriptionId: string; wish: Wish; now: Date }): Promise<ChangePreview>;
  /** The difference is charged at once; a declined card leaves everything as it was. @throws conflict, billing_unavailable */
  change(change: { subscriptionId: string; wish: Wish; at: Date }): Promise<void>;
  /** At the end of the period that is paid for. */
  cancel(subscriptionId: string): Promise<void>;
  /** Takes a cancellation back that lies ahead. */
  keep(subscriptionId: string): Promise<void>;
  /** Nothing is charged before; what it is already later than stays. */
  extendTrial(trial: { subscriptionId: string; until: Date }): Promise<void>;
  /** Newest first, the last year or so. */
  listInvoices(customerId: string): Promise<Invoice[]>;
  /** Where it can be read and kept; undefined when it is not one of this customer's. */
  findInvoiceUrl(invoice: { customerId: string; invoiceId: string }): Promise<string | undefined>;
};
