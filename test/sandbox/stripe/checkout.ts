/** Checkout sessions: made by the API, paid on the page. */
import { daySeconds, type StripeClock } from "./clock.ts";
import { cards, type Billing, type Subscription } from "./billing.ts";
import { invalid, StripeRefusal } from "./errors.ts";
import { listOf, numberOf, objectOf, stringsOf, textOf, type Params } from "./form.ts";
import { newId, type Store, type StripeObject } from "./store.ts";

export type Payment = { card: string; email: string; name?: string | undefined };

export type Checkout = {
  create(params: Params): StripeObject;
  expire(session: StripeObject): StripeObject;
  /** @throws StripeRefusal with the card's own message. */
  pay(session: StripeObject, payment: Payment): StripeObject;
  createCustomer(members: Record<string, unknown>): StripeObject;
};

export function createCheckout(deps: {
  store: Store;
  clock: StripeClock;
  billing: Billing;
  livemode: boolean;
  /** Known only when the server listens. */
  origin: () => string;
}): Checkout {
  const { store, clock, billing } = deps;
  const details = new WeakMap<
    StripeObject,
    {
      prices: { id: string; quantity: number }[];
      metadata: Record<string, string>;
      trialDays: number | undefined;
    }
  >();

  function createCustomer(members: Record<string, unknown>): StripeObject {
    const customer = store.customers.add({
      address: null,
      balance: 0,
      currency: null,
      default_source: null,
      delinquent: false,
      description: null,
      discount: null,
      email: null,
      invoice_prefix: newId("x").slice(-8).toUpperCase(),
      invoice_settings: {
        custom_fields: null,
        default_payment_method: null,
        footer: null,
        rendering_options: null,
      },
      livemode: deps.livemode,
      metadata: {},
      name: null,
      phone: null,
      preferred_locales: [],
      shipping: null,
      tax_exempt: "none",
      test_clock: null,
      ...members,
      id: newId("cus"),
      object: "customer",
      created: clock.seconds(),
    });
    billing.emit("customer.created", customer);
    return customer;
  }

  return {
    createCustomer,
    create(params) {
      const lines = listOf(params, "line_items").map((line) =>
        typeof line === "object" && !Array.isArray(line) ? line : {},
      );
      const prices = lines.map((line) => ({
        id: textOf(line, "price") ?? "",
        quantity: numberOf(line, "quantity") ?? 1,
      }));
      if (prices.length === 0)
        throw invalid("Missing required param: line_items.", "line_items", "parameter_missing");
      for (const { id } of prices) billing.findPrice(id);
      const seconds = clock.seconds();
      const expires = numberOf(params, "expires_at") ?? seconds + daySeconds;
      // The simulator's clock and the caller's may be moved apart; Stripe's own rule is 30 minutes to 24 hours.
      if (expires - seconds > daySeconds + 60)
        throw invalid(
          "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
          "expires_at",
        );
      const id = newId("cs_test");
      const amount = prices.reduce(
        (sum, { id: price, quantity }) => sum + Number(billing.findPrice(price)["unit_amount"]) * quantity,
        0,
      );
      const session = store.sessions.add({
        ...blankSession(),
        id,
        object: "checkout.session",
        amount_subtotal: amount,
        amount_total: amount,
        cancel_url: textOf(params, "cancel_url") ?? null,
        client_reference_id: textOf(params, "client_reference_id") ?? null,
        created: seconds,
        currency: billing.findPrice(prices[0]?.id ?? "")["currency"],
        customer: textOf(params, "customer") ?? null,
        customer_email: textOf(params, "customer_email") ?? null,
        expires_at: expires,
        livemode: deps.livemode,
        metadata: stringsOf(objectOf(params, "metadata")),
        mode: textOf(params, "mode") ?? "payment",
        success_url: textOf(params, "success_url") ?? null,
        url: `${deps.origin()}/c/pay/${id}`,
      });
      const data = objectOf(params, "subscription_data");
      details.set(session, {
        prices,
        metadata: stringsOf(objectOf(data, "metadata")),
        trialDays: numberOf(data, "trial_period_days"),
      });
      return session;
    },
    expire(session) {
      if (session["status"] !== "open")
        throw invalid('Only Checkout Sessions with a status in ["open"] can be expired.');
      Object.assign(session, { status: "expired", url: null });
      billing.emit("checkout.session.expired", session);
      return session;
    },
    pay(session, { card, email, name }) {
      if (session["status"] !== "open") throw invalid("This Checkout Session is no longer open.");
      const behaviour = cards[card.replaceAll(/\D/g, "")];
      if (!behaviour)
        throw new StripeRefusal(402, {
          type: "card_error",
          code: "incorrect_number",
          message: "Your card number is incorrect.",
        });
      if (behaviour.declined) throw new StripeRefusal(402, { type: "card_error", ...behaviour.declined });
      const { prices, metadata, trialDays } = details.get(session) ?? {
        prices: [],
        metadata: {},
        trialDays: undefined,
      };
      const customer =
        typeof session["customer"] === "string"
          ? session["customer"]
          : createCustomer({ email, name: name ?? null, address: null }).id;
      const subscription: Subscription = billing.createSubscription({
        customer,
        prices,
        metadata,
        trialDays,
        failsLater: behaviour.failsLater ?? false,
      });
      Object.assign(session, {
        customer,
        customer_details: { ...blankCustomerDetails(), email, name: name ?? null },
        invoice: subscription["latest_invoice"],
        payment_status: trialDays ? "no_payment_required" : "paid",
        status: "complete",
        subscription: subscription.id,
        url: null,
      });
      billing.emit("checkout.session.completed", session);
      return session;
    },
  };
}

function blankCustomerDetails(): Record<string, unknown> {
  return {
    address: null,
    business_name: null,
    individual_name: null,
    phone: null,
    tax_exempt: "none",
    tax_ids: [],
  };
}

function blankSession(): Record<string, unknown> {
  return {
    adaptive_pricing: { enabled: true },
    after_expiration: null,
    allow_promotion_codes: null,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: null,
    client_secret: null,
    consent: null,
    consent_collection: null,
    currency_conversion: null,
    custom_fields: [],
    custom_text: {
      after_submit: null,
      shipping_address: null,
      submit: null,
      terms_of_service_acceptance: null,
    },
    customer_account: null,
    customer_creation: "always",
    customer_details: null,
    discounts: [],
    invoice: null,
    invoice_creation: null,
    locale: null,
    origin_context: null,
    payment_intent: null,
    payment_link: null,
    payment_method_collection: "always",
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: ["card"],
    payment_status: "unpaid",
    permissions: null,
    recovered_from: null,
    saved_payment_method_options: null,
    setup_intent: null,
    shipping_address_collection: null,
    shipping_cost: null,
    shipping_options: [],
    status: "open",
    submit_type: null,
    subscription: null,
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
    ui_mode: "hosted_page",
    wallet_options: null,
  };
}
