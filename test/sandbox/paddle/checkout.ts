/** Transactions of the simulated Paddle: made by the API, paid on the page that their address opens, given back later. */
import type { MovableClock } from "../kit/clock.ts";
import { badRequest, notFound, PaddleRefusal } from "./errors.ts";
import type { Life } from "./life.ts";
import {
  dated,
  newId,
  type Adjustment,
  type CustomData,
  type Customer,
  type Price,
  type Store,
  type Transaction,
} from "./model.ts";
import type { Notifications } from "./notifications.ts";

export type Payment = { card: string; email: string; name?: string | undefined };

/** Cards by what they do (source: Paddle, test cards). */
const cards: Readonly<Record<string, "pays" | "declined" | "fails later">> = {
  "4242424242424242": "pays",
  "4000000000000002": "declined",
  "4000002760003184": "pays",
  "4000000000000341": "fails later",
};

export type Checkout = ReturnType<typeof createCheckout>;

export function createCheckout(deps: {
  store: Store;
  clock: MovableClock;
  life: Life;
  notifications: Notifications;
  /** The account's default payment link. */
  defaultPage(): string;
}) {
  const { store, clock, life, notifications } = deps;

  function findPrice(id: string): Price {
    const price = store.prices.get(id);
    if (!price) throw badRequest("transaction_price_not_found", `Could not find price ${id}`);
    return price;
  }

  function addCustomer(email: string, name: string | null): Customer {
    const known = [...store.customers.values()].find((one) => one.email === email);
    if (known) return known;
    const customer: Customer = {
      ...dated(clock, newId("ctm")),
      name,
      email,
      locale: "en",
      marketing_consent: false,
      status: "active",
      custom_data: null,
    };
    store.customers.set(customer.id, customer);
    notifications.emit("customer.created", customer);
    return customer;
  }

  function change(transaction: Transaction, members: Partial<Transaction>, event: string): void {
    Object.assign(transaction, members, { updated_at: clock.now().toISOString() });
    notifications.emit(event, transaction);
  }

  return {
    addCustomer,
    create(input: {
      items: { price_id: string; quantity: number }[];
      customData: CustomData;
      customerId?: string | undefined;
      page?: string | undefined;
    }): Transaction {
      if (input.items.length === 0) throw badRequest("bad_request", "items is required");
      const items = input.items.map(({ price_id, quantity }) => ({
        quantity,
        proration: null,
        price: findPrice(price_id),
      }));
      const total = String(
        items.reduce((sum, item) => sum + Number(item.price.unit_price.amount) * item.quantity, 0),
      );
      const id = newId("txn");
      const page = new URL(input.page ?? deps.defaultPage());
      page.searchParams.set("_ptxn", id);
      const transaction: Transaction = {
        ...dated(clock, id),
        // Ready needs a customer with an address; the checkout asks for both.
        status: input.customerId === undefined ? "draft" : "ready",
        customer_id: input.customerId ?? null,
        address_id: input.customerId === undefined ? null : newId("add"),
        business_id: null,
        subscription_id: null,
        currency_code: items[0]?.price.unit_price.currency_code ?? "EUR",
        origin: "api",
        collection_mode: "automatic",
        billed_at: null,
        custom_data: input.customData,
        items,
        details: { totals: { subtotal: total, tax: "0", total, grand_total: total } },
        payments: [],
        checkout: { url: page.href },
      };
      store.transactions.set(id, transaction);
      notifications.emit("transaction.created", transaction);
      if (transaction.status === "ready") notifications.emit("transaction.ready", transaction);
      return transaction;
    },
    /** Of the API's PATCH: nothing but what may be changed in this state. */
    update(transaction: Transaction, members: { status?: string; custom_data?: CustomData }): Transaction {
      const { status } = transaction;
      if (members.status !== undefined) {
        const may = members.status === "canceled" && ["ready", "billed", "past_due"].includes(status);
        if (!may) {
          const detail = `Invalid attempt to change status from '${status}' to '${members.status}'`;
          throw badRequest("transaction_invalid_status_change", detail);
        }
        change(transaction, { status: "canceled" }, "transaction.canceled");
      }
      if (members.custom_data !== undefined) {
        if (!["draft", "ready"].includes(status))
          throw badRequest("transaction_immutable", `a ${status} transaction cannot be changed`);
        change(transaction, { custom_data: members.custom_data }, "transaction.updated");
      }
      return transaction;
    },
    /** @throws PaddleRefusal with what the page shows. */
    pay(transaction: Transaction, { card, email, name }: Payment): Transaction {
      if (!["draft", "ready"].includes(transaction.status))
        throw badRequest("transaction_not_ready", "This payment page is no longer open.");
      const behaviour = cards[card.replaceAll(/\D/g, "")];
      if (behaviour === undefined) throw new PaddleRefusal(402, "invalid_card", "This is no card number.");
      const customer = store.customers.get(transaction.customer_id ?? "") ?? addCustomer(email, name ?? null);
      const amount = transaction.details.totals.total;
      if (behaviour === "declined") {
        const payments = [
          ...transaction.payments,
          { status: "error", error_code: "declined_not_retryable", amount },
        ];
        const known = { status: "ready" as const, customer_id: customer.id };
        change(transaction, { ...known, payments }, "transaction.payment_failed");
        throw new PaddleRefusal(402, "declined", "Your card was declined.");
      }
      const payments = [...transaction.payments, { status: "captured", error_code: null, amount }];
      const billed_at = clock.now().toISOString();
      const paid = { status: "paid" as const, customer_id: customer.id, billed_at, payments };
      change(transaction, paid, "transaction.paid");
      const recurring = transaction.items.find((item) => item.price.billing_cycle !== null);
      const subscription =
        recurring &&
        life.begin({
          customerId: customer.id,
          price: recurring.price,
          quantity: recurring.quantity,
          customData: transaction.custom_data,
          failsLater: behaviour === "fails later",
        });
      const subscription_id = subscription?.id ?? null;
      change(transaction, { status: "completed", subscription_id }, "transaction.completed");
      return transaction;
    },
    /** Money goes back: by the seller, or by the customer's bank. */
    adjust(transaction: Transaction, action: Adjustment["action"], amount?: string): Adjustment {
      const { customer_id: customerId, details } = transaction;
      if (transaction.status !== "completed" || customerId === null)
        throw badRequest("adjustment_transaction_invalid_status", "only what is completed can be adjusted");
      const total = amount ?? details.totals.total;
      const adjustment: Adjustment = {
        ...dated(clock, newId("adj")),
        action,
        type: total === details.totals.total ? "full" : "partial",
        transaction_id: transaction.id,
        subscription_id: transaction.subscription_id,
        customer_id: customerId,
        reason: "requested_by_customer",
        currency_code: transaction.currency_code,
        status: "approved",
        totals: { subtotal: total, tax: "0", total },
      };
      store.adjustments.set(adjustment.id, adjustment);
      notifications.emit("adjustment.created", adjustment);
      return adjustment;
    },
    find(id: string): Transaction {
      const found = store.transactions.get(id);
      if (!found) throw notFound("transaction", id);
      return found;
    },
  };
}
