/** From a decision to the columns of an instance's row. Pure. */
import type { Override } from "../../infra/config.ts";
import type { DesiredColumns, InstanceRow } from "../db/instances.ts";
import type { LedgerEntry } from "../db/ledger.ts";
import type { Desired } from "./desire.ts";
import { hashDesired } from "./place.ts";

/** A server stays where it is; another plan brings its own first type, in place, or the next that its disk fits (converge/places.ts). */
export function choosePlace(
  row: InstanceRow,
  desired: Desired,
  override: Override,
): { serverType: string; location: string } {
  const first = desired.plan.serverTypes[0];
  const planned = desired.planId === row.plan || first === undefined ? row.serverType : first;
  return {
    serverType: override.serverType ?? planned,
    location: override.location ?? row.location,
  };
}

export function toColumns(
  desired: Desired,
  override: Override,
  place: { serverType: string; location: string },
): DesiredColumns {
  const { subscription, planId, plan, phase, reason, nextChangeAt } = desired;
  return {
    provider: subscription.provider,
    subscriptionId: subscription.id,
    customerId: subscription.customerId,
    email: subscription.email,
    plan: planId,
    planSettings: plan,
    phase,
    phaseReason: reason,
    nextChangeAt,
    override,
    ...place,
    desiredHash: hashDesired({ planId, plan, phase, override, place }),
  };
}

export function toEntry(
  { id, slug }: { id: string; slug: string },
  { provider, subscriptionId, phase, phaseReason }: DesiredColumns,
  at: Date,
): LedgerEntry {
  const about = { provider, subscriptionId, instanceId: id, slug };
  return { at, kind: "wanted", ...about, value: phase, detail: phaseReason };
}
