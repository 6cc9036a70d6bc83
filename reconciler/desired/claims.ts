/** Which subscription may ask for which name. Pure. */
import type { Override } from "../../infra/config.ts";
import type { SubscriptionRow } from "../db/subscriptions.ts";
import { isFurtherSeat } from "../billing/seats.ts";
import type { NamedInstance } from "./desire-fleet.ts";
import { askedName, earlierName, generatedNames, ownNames } from "./names.ts";
import { hasEnded } from "./phases.ts";

/** Living instances by what they are asked for by. */
export type Ownership<Instance extends NamedInstance = NamedInstance> = {
  named(slug: string): Instance | undefined;
  paidBy(subscription: { provider: string; id: string }): Instance | undefined;
};

export function createOwnership<Instance extends NamedInstance>(
  instances: readonly Instance[],
): Ownership<Instance> {
  const bySlug = new Map(instances.map((one) => [one.slug, one]));
  const byPayment = new Map(instances.map((one) => [`${one.provider}:${one.subscriptionId}`, one]));
  return {
    named: (slug) => bySlug.get(slug),
    paidBy: ({ provider, id }) => byPayment.get(`${provider}:${id}`),
  };
}

/** What has ended, and has no instance any more, asks for nothing: above all not for a name that others may have now. */
export function mayClaim(
  subscription: SubscriptionRow,
  ownership: Ownership,
  /** An operator decided about it: it makes nothing new. */
  intervened: boolean,
  overrides: ReadonlyMap<string, Override>,
): boolean {
  if (ownership.paidBy(subscription)) return true;
  const names = ownNames(subscription);
  if (names.some((name) => ownership.named(name)?.customerId === subscription.customerId)) return true;
  if (intervened) return false;
  return !hasEnded(subscription.status) || names.some((name) => overrides.get(name)?.comped === true);
}

/**
 * Which subscriptions decide about which name. A living instance keeps its name for whoever pays for it; a second
 * customer who paid for the same name gets another one instead of losing the order.
 */
export function settleNames(
  subscriptions: readonly SubscriptionRow[],
  ownership: Ownership,
  /** Names that are somebody's address already. */
  given: ReadonlySet<string> = new Set(),
): Map<string, SubscriptionRow[]> {
  const left = listLeftSeats(subscriptions, ownership);
  const owners = new Map<string, string>();
  const names = new Map<string, SubscriptionRow[]>();
  for (const subscription of subscriptions.toSorted(
    (a, b) => a.createdAt.getTime() - b.createdAt.getTime(),
  )) {
    const wanted =
      ownership.paidBy(subscription)?.slug ?? takeLeftSeat(subscription, left) ?? askedName(subscription);
    const possible = [wanted, findKept(subscription, ownership), ...generatedNames(subscription.id)];
    const slug = possible.find((name) => {
      if (name === undefined) return false;
      const owner = owners.get(name) ?? ownership.named(name)?.customerId;
      return owner === undefined ? !given.has(name) : owner === subscription.customerId;
    });
    // Whoever has all of them is not made to share.
    if (slug === undefined) continue;
    owners.set(slug, subscription.customerId);
    const others = names.get(slug);
    if (others) others.push(subscription);
    else names.set(slug, [subscription]);
  }
  return names;
}

/** Names of further assistants, by customer, whose subscription has ended: who comes back under a new one has them again. */
function listLeftSeats(
  subscriptions: readonly SubscriptionRow[],
  ownership: Ownership,
): Map<string, string[]> {
  const left = new Map<string, string[]>();
  for (const one of subscriptions.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const seat = isFurtherSeat(one.id) && hasEnded(one.status) ? ownership.paidBy(one) : undefined;
    if (seat) left.set(one.customerId, [...(left.get(one.customerId) ?? []), seat.slug]);
  }
  return left;
}

function takeLeftSeat(subscription: SubscriptionRow, left: Map<string, string[]>): string | undefined {
  if (!isFurtherSeat(subscription.id) || hasEnded(subscription.status)) return undefined;
  return left.get(subscription.customerId)?.shift();
}

/** The short name of an earlier version that its instance lives under still, paid for by another of the customer's subscriptions. */
function findKept(subscription: SubscriptionRow, ownership: Ownership): string | undefined {
  const name = earlierName(subscription.id);
  const instance = ownership.named(name);
  if (instance?.customerId !== subscription.customerId) return undefined;
  // One that generates the same name itself has it for itself.
  return earlierName(instance.subscriptionId) === name ? undefined : name;
}
