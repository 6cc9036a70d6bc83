/**
 * The one decision about who has what: from every subscription, plans, overrides, people's decisions, outages and the clock
 * to what should be under each name. The same for one name as for all of them. Pure, and linear in what it is given.
 */
import type { Override } from "../../infra/config.ts";
import type { Plans } from "../../infra/plans.ts";
import type { InstanceRow } from "../db/instances.ts";
import type { Intervention } from "../db/interventions.ts";
import type { SubscriptionRow } from "../db/subscriptions.ts";
import { createOwnership, mayClaim, settleNames } from "./claims.ts";
import { desire, type Alert, type Desired } from "./desire.ts";
import { endByFairUse } from "./one-time.ts";
import type { Outage } from "./outages.ts";

/** Who lives under which name, and by what it is paid for. */
export type NamedInstance = Pick<InstanceRow, "id" | "slug" | "provider" | "subscriptionId" | "customerId"> &
  Partial<Pick<InstanceRow, "plan" | "planSettings">>;

export type FleetFacts<Instance extends NamedInstance = NamedInstance> = {
  /** Those without a bill (`provider` comped) too. */
  subscriptions: readonly SubscriptionRow[];
  /** Living ones. */
  instances: readonly Instance[];
  interventions: readonly Intervention[];
  /** By instance. */
  outages: ReadonlyMap<string, readonly Outage[]>;
  plans: Plans;
  overrides: ReadonlyMap<string, Override>;
  /** Slugs whose file cannot be read, with the reason: nothing is decided about them. */
  broken: ReadonlyMap<string, string>;
  /** Names asked for that are somebody's address already. */
  given?: ReadonlySet<string>;
  now: Date;
};

export type DesiredName<Instance extends NamedInstance = NamedInstance> = {
  slug: string;
  instance: Instance | undefined;
  override: Override;
  /** undefined: nobody may decide anything about this name now; what exists stays as it is. */
  desired: Desired | undefined;
  alerts: FleetAlert[];
};

export type FleetAlert = Alert | { kind: "broken_file"; message: string };

export function desireFleet<Instance extends NamedInstance>(
  facts: FleetFacts<Instance>,
): DesiredName<Instance>[] {
  const { plans, now, overrides } = facts;
  const ownership = createOwnership(facts.instances);
  const decisions = new Map(facts.interventions.map((one) => [keyOf(one.provider, one.subscriptionId), one]));
  const decisionOn = ({ provider, id }: SubscriptionRow) => decisions.get(keyOf(provider, id));
  const claiming = endByFairUse(facts.subscriptions, plans, now, (one) => ownership.paidBy(one)).filter(
    (one) => mayClaim(one, ownership, decisionOn(one) !== undefined, overrides),
  );
  return [...settleNames(claiming, ownership, facts.given)].map(([slug, mine]) => {
    const instance = ownership.named(slug);
    const override = overrides.get(slug) ?? {};
    const problem = facts.broken.get(slug);
    if (problem !== undefined) {
      const alerts: FleetAlert[] = [{ kind: "broken_file", message: problem }];
      return { slug, instance, override, desired: undefined, alerts };
    }
    const interventions = mine.flatMap((one) => decisionOn(one) ?? []);
    const outages = (instance && facts.outages.get(instance.id)) ?? [];
    const decided = desire({
      slug,
      subscriptions: mine,
      instance,
      override,
      interventions,
      outages,
      plans,
      now,
    });
    return { slug, instance, override, ...decided };
  });
}

function keyOf(provider: string, subscriptionId: string): string {
  return `${provider}:${subscriptionId}`;
}
