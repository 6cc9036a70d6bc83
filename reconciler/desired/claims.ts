/** Which subscription may ask for which name. Pure. */
import type { InstanceRow } from "../db/instances.ts";
import type { Intervention } from "../db/interventions.ts";
import type { SubscriptionRow } from "../db/subscriptions.ts";
import { generatedName, nameFor } from "./desire.ts";
import { hasEnded } from "./phases.ts";
import type { StackFiles } from "./stack-files.ts";

/** What has ended, and has no instance any more, asks for nothing: above all not for a name that others may have now. */
export function mayClaim(
  subscription: SubscriptionRow,
  rows: readonly InstanceRow[],
  interventions: readonly Intervention[],
  files: StackFiles,
): boolean {
  const { provider, id, customerId, status } = subscription;
  const name = nameFor(subscription);
  if (rows.some((row) => row.provider === provider && row.subscriptionId === id)) return true;
  if (rows.some((row) => row.slug === name && row.customerId === customerId)) return true;
  if (interventions.some((one) => one.provider === provider && one.subscriptionId === id)) return false;
  return !hasEnded(status) || files.overrides.get(name)?.comped === true;
}

/**
 * Which subscriptions decide about which name. A living instance keeps its name for whoever pays for it; a second
 * customer who paid for the same name gets another one instead of losing the order.
 */
export function settleNames(
  subscriptions: readonly SubscriptionRow[],
  rows: readonly InstanceRow[],
): Map<string, SubscriptionRow[]> {
  const owners = new Map(rows.map((row) => [row.slug, row.customerId]));
  const names = new Map<string, SubscriptionRow[]>();
  for (const subscription of subscriptions.toSorted(
    (a, b) => a.createdAt.getTime() - b.createdAt.getTime(),
  )) {
    const paying = rows.find(
      (row) => row.provider === subscription.provider && row.subscriptionId === subscription.id,
    );
    const wanted = paying?.slug ?? nameFor(subscription);
    const owner = owners.get(wanted);
    const slug =
      owner === undefined || owner === subscription.customerId ? wanted : generatedName(subscription.id);
    owners.set(slug, subscription.customerId);
    names.set(slug, [...(names.get(slug) ?? []), subscription]);
  }
  return names;
}
