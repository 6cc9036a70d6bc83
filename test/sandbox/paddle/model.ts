/** Objects of the simulated Paddle, as its API shows them (source: Paddle API reference), by kind, oldest first. */
import { randomBytes } from "node:crypto";
import type { MovableClock } from "../kit/clock.ts";

export type Cycle = { interval: string; frequency: number };
export type CustomData = Record<string, unknown> | null;
type Dated = { id: string; created_at: string; updated_at: string };

export type Product = Dated & { name: string; status: string; tax_category: string; type: "standard" };
export type Price = Dated & {
  product_id: string;
  type: "standard";
  name: string;
  description: string;
  /** null: paid once. */
  billing_cycle: Cycle | null;
  trial_period: Cycle | null;
  unit_price: { amount: string; currency_code: string };
  quantity: { minimum: number; maximum: number };
  custom_data: CustomData;
  status: "active" | "archived";
};
export type Customer = Dated & {
  name: string | null;
  email: string;
  locale: string;
  marketing_consent: boolean;
  status: "active" | "archived";
  custom_data: CustomData;
};
export type Item = {
  status: string;
  quantity: number;
  recurring: boolean;
  created_at: string;
  updated_at: string;
  previously_billed_at: string | null;
  next_billed_at: string | null;
  trial_dates: { starts_at: string; ends_at: string } | null;
  price: Price;
};
export type ScheduledChange = {
  action: "cancel" | "pause" | "resume";
  effective_at: string;
  resume_at: string | null;
};
export type Subscription = Dated & {
  status: string;
  customer_id: string;
  address_id: string;
  business_id: null;
  currency_code: string;
  started_at: string;
  first_billed_at: string | null;
  next_billed_at: string | null;
  paused_at: string | null;
  canceled_at: string | null;
  collection_mode: "automatic";
  billing_cycle: Cycle;
  current_billing_period: { starts_at: string; ends_at: string } | null;
  scheduled_change: ScheduledChange | null;
  management_urls: { update_payment_method: string | null; cancel: string } | null;
  items: Item[];
  custom_data: CustomData;
  discount: null;
  import_meta: null;
};
export type Transaction = Dated & {
  status: "draft" | "ready" | "billed" | "paid" | "completed" | "canceled" | "past_due";
  customer_id: string | null;
  address_id: string | null;
  business_id: null;
  subscription_id: string | null;
  currency_code: string;
  origin: string;
  collection_mode: "automatic";
  billed_at: string | null;
  custom_data: CustomData;
  items: { quantity: number; proration: null; price: Price }[];
  details: { totals: { subtotal: string; tax: string; total: string; grand_total: string } };
  payments: { status: string; error_code: string | null; amount: string }[];
  checkout: { url: string | null } | null;
};
export type Adjustment = Dated & {
  action: "refund" | "chargeback" | "credit" | "chargeback_reverse";
  type: "full" | "partial";
  transaction_id: string;
  subscription_id: string | null;
  customer_id: string;
  reason: string;
  currency_code: string;
  status: "pending_approval" | "approved" | "rejected" | "reversed";
  totals: { subtotal: string; tax: string; total: string };
};
export type PaddleEvent = { id: string; event_type: string; occurred_at: string; data: object };
/** A notification destination. */
export type Destination = { id: string; destination: string; active: boolean; secrets: string[] };

export type Store = {
  products: Map<string, Product>;
  prices: Map<string, Price>;
  customers: Map<string, Customer>;
  subscriptions: Map<string, Subscription>;
  transactions: Map<string, Transaction>;
  adjustments: Map<string, Adjustment>;
  events: Map<string, PaddleEvent>;
  destinations: Map<string, Destination>;
};

export function createStore(): Store {
  return {
    products: new Map(),
    prices: new Map(),
    customers: new Map(),
    subscriptions: new Map(),
    transactions: new Map(),
    adjustments: new Map(),
    events: new Map(),
    destinations: new Map(),
  };
}

let made = 0;

/** `sub_01…`: prefix and 26 characters that sort by the order of making, as Paddle's do. */
export function newId(prefix: string): string {
  made += 1;
  const chance = randomBytes(6).toString("hex");
  return `${prefix}_01${made.toString(36).padStart(12, "0")}${chance}`;
}

/** What every object has, at the simulator's own time. */
export function dated(clock: MovableClock, id: string): Dated {
  const at = clock.now().toISOString();
  return { id, created_at: at, updated_at: at };
}
