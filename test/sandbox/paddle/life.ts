/** What happens to subscriptions in the simulated Paddle: they begin, change, renew and end, each step with its events. */
import { addInterval, dayMs, type MovableClock } from "../kit/clock.ts";
import { badRequest } from "./errors.ts";
import {
  dated,
  newId,
  type CustomData,
  type Price,
  type ScheduledChange,
  type Store,
  type Subscription,
} from "./model.ts";
import type { Notifications } from "./notifications.ts";

/** What the account does when every retry of a payment has failed. */
export type EndOfDunning = "paused" | "canceled";
export type Effective = "immediately" | "next_billing_period";

export type LifeDeps = {
  store: Store;
  clock: MovableClock;
  notifications: Notifications;
  endOfDunning: EndOfDunning;
};

export type Life = ReturnType<typeof createLife>;

/** Retries of a payment go on for about this time. */
const dunningMs = 30 * dayMs;

export function createLife({ store, clock, notifications, endOfDunning }: LifeDeps) {
  /** Cards that pay at first and not later, by subscription; and since when payments fail. */
  const failing = new Map<string, { since: number | undefined }>();

  function begin(input: {
    customerId: string;
    price: Price;
    quantity: number;
    customData: CustomData;
    failsLater?: boolean;
  }): Subscription {
    const { price } = input;
    const cycle = price.billing_cycle;
    if (cycle === null) throw badRequest("bad_request", "a subscription needs a recurring price");
    const trial = price.trial_period;
    const start = clock.now();
    const end = addInterval(start, (trial ?? cycle).interval, (trial ?? cycle).frequency).toISOString();
    const common = dated(clock, newId("sub"));
    const startedAt = common.created_at;
    const subscription: Subscription = {
      ...common,
      status: trial ? "trialing" : "active",
      customer_id: input.customerId,
      address_id: newId("add"),
      business_id: null,
      currency_code: price.unit_price.currency_code,
      started_at: startedAt,
      first_billed_at: trial ? null : startedAt,
      next_billed_at: end,
      paused_at: null,
      canceled_at: null,
      collection_mode: "automatic",
      billing_cycle: cycle,
      current_billing_period: { starts_at: startedAt, ends_at: end },
      scheduled_change: null,
      management_urls: null,
      items: [
        {
          status: trial ? "trialing" : "active",
          quantity: input.quantity,
          recurring: true,
          created_at: startedAt,
          updated_at: startedAt,
          previously_billed_at: trial ? null : startedAt,
          next_billed_at: end,
          trial_dates: trial ? { starts_at: startedAt, ends_at: end } : null,
          price,
        },
      ],
      custom_data: input.customData,
      discount: null,
      import_meta: null,
    };
    store.subscriptions.set(subscription.id, subscription);
    if (input.failsLater === true) failing.set(subscription.id, { since: undefined });
    notifications.emit("subscription.created", subscription);
    notifications.emit(trial ? "subscription.trialing" : "subscription.activated", subscription);
    return subscription;
  }

  /** Changes members; `more` are the events beside `subscription.updated`. */
  function change(
    subscription: Subscription,
    members: Partial<Subscription>,
    ...more: string[]
  ): Subscription {
    Object.assign(subscription, members, { updated_at: clock.now().toISOString() });
    for (const type of ["subscription.updated", ...more]) notifications.emit(type, subscription);
    return subscription;
  }

  function schedule(subscription: Subscription, action: ScheduledChange["action"]): Subscription {
    const effective_at = subscription.current_billing_period?.ends_at ?? clock.now().toISOString();
    return change(subscription, { scheduled_change: { action, effective_at, resume_at: null } });
  }

  function refuseEnded(subscription: Subscription): void {
    if (subscription.status === "canceled")
      throw badRequest("subscription_update_when_canceled", "cannot update subscription, as it is canceled");
  }

  const stopped = { next_billed_at: null, current_billing_period: null, scheduled_change: null };

  function cancel(subscription: Subscription, effective: Effective): Subscription {
    refuseEnded(subscription);
    if (effective === "next_billing_period" && subscription.status !== "paused")
      return schedule(subscription, "cancel");
    const canceled_at = clock.now().toISOString();
    return change(subscription, { ...stopped, status: "canceled", canceled_at }, "subscription.canceled");
  }

  function pause(subscription: Subscription, effective: Effective): Subscription {
    refuseEnded(subscription);
    if (effective === "next_billing_period") return schedule(subscription, "pause");
    const paused_at = clock.now().toISOString();
    return change(subscription, { ...stopped, status: "paused", paused_at }, "subscription.paused");
  }

  function resume(subscription: Subscription): Subscription {
    refuseEnded(subscription);
    failing.delete(subscription.id);
    const period = nextPeriod(subscription, clock.now());
    return change(
      subscription,
      { ...period, status: "active", paused_at: null, scheduled_change: null },
      "subscription.resumed",
    );
  }

  function nextPeriod(
    { billing_cycle: cycle }: Subscription,
    from: Date,
  ): Pick<Subscription, "current_billing_period" | "next_billed_at"> {
    const ends_at = addInterval(from, cycle.interval, cycle.frequency).toISOString();
    return { current_billing_period: { starts_at: from.toISOString(), ends_at }, next_billed_at: ends_at };
  }

  function renew(subscription: Subscription, at: Date): void {
    const bad = failing.get(subscription.id);
    const period = nextPeriod(subscription, at);
    if (bad) {
      bad.since = at.getTime();
      change(subscription, { ...period, status: "past_due" }, "subscription.past_due");
    } else {
      const first = subscription.status === "trialing" ? ["subscription.activated"] : [];
      change(subscription, { ...period, status: "active" }, ...first);
    }
  }

  /** The next thing that time does to a subscription, if it is due. */
  function step(subscription: Subscription): boolean {
    const now = clock.now().toISOString();
    const { status, scheduled_change: scheduled, current_billing_period: period } = subscription;
    if (status === "canceled") return false;
    if (scheduled && scheduled.effective_at <= now) {
      if (scheduled.action === "cancel") cancel(subscription, "immediately");
      else if (scheduled.action === "pause") pause(subscription, "immediately");
      else resume(subscription);
      return true;
    }
    if (status === "past_due") {
      const since = failing.get(subscription.id)?.since ?? clock.now().getTime();
      if (since + dunningMs > clock.now().getTime()) return false;
      if (endOfDunning === "canceled") cancel(subscription, "immediately");
      else pause(subscription, "immediately");
      return true;
    }
    if (["active", "trialing"].includes(status) && period && period.ends_at <= now) {
      renew(subscription, new Date(period.ends_at));
      return true;
    }
    return false;
  }

  /** Moves time; everything that becomes due happens. */
  function advance(ms: number): void {
    clock.moveBy(ms);
    for (const subscription of store.subscriptions.values())
      for (let steps = 0; steps < 500 && step(subscription); steps += 1);
  }

  return { begin, change, cancel, pause, resume, advance };
}
