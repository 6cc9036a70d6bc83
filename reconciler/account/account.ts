/** What customers see and do of their own subscription, on the real rows and at whoever bills them. */
import type { Sql } from "postgres";
import type { Plans } from "../../infra/plans.ts";
import type { ChangePreview, Wish } from "../billing/desk.ts";
import type { BillingProvider } from "../billing/provider.ts";
import { seatNumberOf } from "../billing/seats.ts";
import { findAccount, type AccountRow } from "../db/account.ts";
import { beginReading, storeReadings } from "../db/subscriptions.ts";
import { beginOpening, endOpening, findOrder, setOrderCheckout } from "../db/orders.ts";
import { applyDesired } from "../desired/apply.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { priceKeyOf } from "../desired/plan-prices.ts";
import { ClawfleetError } from "../errors.ts";
import { describePrice } from "../orders/orders.ts";
import { checkoutLifetimeMs, createWayBack } from "../orders/place-order.ts";
import { chooseAddress } from "./address.ts";
import { toAccountView, type AccountView } from "../web/account-view.ts";

/** Another plan, or another number of assistants. */
export type AccountWish = { plan: string } | { quantity: number };

/** What somebody agrees to: by these names, at this price. */
export type AgreedChange = ChangePreview & {
  title: string;
  /** Whom it is about. */
  names: string[];
  /** Those whose end it is. */
  ends: string[];
};

export type Account = {
  /** undefined: the order is nobody's, or nothing came of it yet. */
  read(orderId: string): Promise<AccountView | undefined>;
  /** @throws ClawfleetError not_found, input_invalid, billing_unavailable; so do all that follow. */
  preview(orderId: string, wish: AccountWish): Promise<AgreedChange>;
  /** `at`: of the preview that was agreed to. */
  change(orderId: string, wish: AccountWish, at: Date): Promise<void>;
  cancel(orderId: string): Promise<void>;
  keep(orderId: string): Promise<void>;
  /** The payment page on which somebody whose subscription has ended begins a new one, for what they had. */
  comeBack(orderId: string, planId: string): Promise<string>;
  openPortal(orderId: string): Promise<string>;
  /** Of the order's own assistant: free, not reserved, and once a day. */
  chooseAddress(orderId: string, text: string): Promise<void>;
  findInvoiceUrl(orderId: string, invoiceId: string): Promise<string | undefined>;
};

export type AccountDeps = ApplyDeps & {
  sql: Sql;
  providers: readonly BillingProvider[];
  publicUrl: string;
  plans(): Plans;
};

/** A price that was shown longer ago is asked for again. */
const previewAgeMs = 30 * 60_000;

type Known = { row: AccountRow; provider: BillingProvider };

export function createAccount(deps: AccountDeps): Account {
  const { sql, clock, providers } = deps;

  async function find(orderId: string): Promise<Known> {
    const row = await findAccount(sql, orderId);
    const provider = providers.find(({ name }) => name === row?.provider);
    if (row && provider) return { row, provider };
    throw refuse("not_found", "There is no subscription behind this address.");
  }

  /** A refusal of ours instead of one of the provider's. */
  async function findFor(orderId: string, what: keyof AccountView["may"]): Promise<Known> {
    const known = await find(orderId);
    const view = toView(orderId, known.row, new Map(), undefined);
    if (view.may[what]) return known;
    throw refuse("conflict", "This cannot be done now. Look at the page again: something has changed.");
  }

  function toView(
    orderId: string,
    row: AccountRow,
    prices: ReadonlyMap<string, string | undefined>,
    invoices: AccountView["invoices"],
  ): AccountView {
    return toAccountView({
      orderId,
      row,
      plans: deps.plans(),
      priceOf: (plan) => prices.get(priceKeyOf(plan, row.provider) ?? ""),
      invoices,
      now: clock.now(),
    });
  }

  function keyOf(known: Known, planId: string): { key: string; planName: string } {
    const plan = deps.plans()[planId];
    const key = plan && priceKeyOf(plan, known.provider.name);
    if (plan?.offered === true && key !== undefined) return { key, planName: plan.name };
    throw refuse("input_invalid", "This plan is not offered. Choose one of the list.");
  }

  function toDeskWish(known: Known, wish: AccountWish): Wish {
    return "plan" in wish ? { priceKey: keyOf(known, wish.plan).key } : wish;
  }

  /** What was asked for is true at once, whenever the webhook comes. */
  async function readAgain({ row, provider }: Known): Promise<void> {
    const { customerId } = row;
    const asked = await beginReading(sql, clock.now());
    const readings = await provider.readCustomerSubscriptions(customerId);
    await storeReadings(sql, { provider: provider.name, readings, asked });
    const customers = [{ provider: provider.name, customerId }];
    await applyDesired(deps, { kind: "customers", customers, actor: "customer" });
  }

  /** Two open payment pages for one assistant are paid twice sooner or later. */
  async function closeFormerPage(orderId: string, known: Known): Promise<Known> {
    const order = await findOrder(sql, orderId);
    if (!order || order.checkoutSessionId === null || order.provider !== known.provider.name) return known;
    if (await known.provider.expireCheckout(order.checkoutSessionId)) return known;
    // It was paid: long ago, or just now.
    await readAgain(known);
    return await findFor(orderId, "comeBack");
  }

  /** For who comes back. Returns its address. */
  async function openPaymentPage(orderId: string, planId: string): Promise<string> {
    const known = await closeFormerPage(orderId, await findFor(orderId, "comeBack"));
    const { row, provider } = known;
    const { key: lookupKey } = keyOf(known, planId);
    const page = `${deps.publicUrl}/orders/${orderId}`;
    const now = clock.now();
    const way = createWayBack(now);
    const checkout = await provider.createCheckout({
      orderId,
      slug: row.slug,
      planId,
      lookupKey,
      // Of those who had one already.
      trialDays: 0,
      expiresAt: new Date(now.getTime() + checkoutLifetimeMs),
      successUrl: page,
      cancelUrl: `${page}/billing`,
      returnToken: way.token,
      customerId: row.customerId,
      quantity: Math.max(1, row.seats.length),
      attempt: `-${now.getTime()}`,
    });
    await setOrderCheckout(sql, orderId, { provider: provider.name, ...checkout, ...way.kept });
    return checkout.url;
  }

  return {
    async read(orderId) {
      const row = await findAccount(sql, orderId);
      const provider = providers.find(({ name }) => name === row?.provider);
      if (!row) return undefined;
      if (!provider) return toView(orderId, row, new Map(), []);
      const keys = Object.values(deps.plans()).flatMap((plan) => priceKeyOf(plan, provider.name) ?? []);
      const [prices, invoices] = await Promise.all([
        provider.readPrices(keys).catch(() => new Map<string, never>()),
        provider.desk.listInvoices(row.customerId).catch(() => undefined),
      ]);
      const shown = new Map([...prices].map(([key, price]) => [key, describePrice(price)]));
      return toView(orderId, row, shown, invoices);
    },
    async preview(orderId, wish) {
      const known = await findFor(orderId, "plan" in wish ? "change" : "quantity");
      const { subscriptionId, seats } = known.row;
      const shown = await known.provider.desk.previewChange({
        subscriptionId,
        wish: toDeskWish(known, wish),
        now: clock.now(),
      });
      const names = seats.map(({ name }) => name);
      if ("plan" in wish) return { ...shown, title: keyOf(known, wish.plan).planName, names, ends: [] };
      const over = seats.filter((seat) => seatNumberOf(seat.subscriptionId) > wish.quantity);
      return { ...shown, title: describeCount(wish.quantity), names, ends: over.map(({ name }) => name) };
    },
    async change(orderId, wish, at) {
      const known = await findFor(orderId, "plan" in wish ? "change" : "quantity");
      const { subscriptionId } = known.row;
      const asked = { subscriptionId, wish: toDeskWish(known, wish), at };
      if (Math.abs(clock.now().getTime() - at.getTime()) > previewAgeMs)
        throw refuse("conflict", "The price that you saw is too old by now. Look at it again, please.");
      await known.provider.desk.change(asked);
      await readAgain(known);
    },
    async cancel(orderId) {
      const known = await findFor(orderId, "cancel");
      await known.provider.desk.cancel(known.row.subscriptionId);
      await readAgain(known);
    },
    async keep(orderId) {
      const known = await findFor(orderId, "keep");
      await known.provider.desk.keep(known.row.subscriptionId);
      await readAgain(known);
    },
    async comeBack(orderId, planId) {
      if (!(await beginOpening(sql, orderId))) {
        await findFor(orderId, "comeBack");
        throw refuse(
          "conflict",
          "Your payment page is being opened this very moment, perhaps in another window. Go on there, or try again in a minute.",
        );
      }
      try {
        return await openPaymentPage(orderId, planId);
      } finally {
        await endOpening(sql, orderId);
      }
    },
    async openPortal(orderId) {
      const { row, provider } = await findFor(orderId, "portal");
      const returnUrl = `${deps.publicUrl}/orders/${orderId}/billing`;
      return (await provider.createPortal({ customerId: row.customerId, returnUrl })).url;
    },
    async chooseAddress(orderId, text) {
      const { row } = await findFor(orderId, "address");
      await chooseAddress(deps, row, text);
    },
    async findInvoiceUrl(orderId, invoiceId) {
      const { row, provider } = await find(orderId);
      return await provider.desk.findInvoiceUrl({ customerId: row.customerId, invoiceId });
    },
  };
}

export function describeCount(assistants: number): string {
  return assistants === 1 ? "one assistant" : `${assistants} assistants`;
}

function refuse(code: "not_found" | "conflict" | "input_invalid", message: string): ClawfleetError {
  return new ClawfleetError({ code, message, retry: { kind: "permanent" } });
}
