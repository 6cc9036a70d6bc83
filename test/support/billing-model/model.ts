/** What a history lives in, as its parts see it. */
import type { Phase } from "../../../infra/config.ts";
import type { ApplyDeps } from "../../../reconciler/desired/apply-deps.ts";
import type { StripeSimulator } from "../../sandbox/stripe/stripe.ts";
import type { CustomerName } from "./history.ts";
import type { KnownSubscription } from "./oracle.ts";

export type World = {
  deps: ApplyDeps;
  stripe: StripeSimulator;
  /** Servers by instance, and whether their gateway runs. */
  servers: Map<string, "running" | "suspended">;
  /** Instances that ever had one: there is nothing to keep of others. */
  made: Set<string>;
  snapshots: Set<string>;
  workersUp: boolean;
  /** Workers were away once: clocks may have waited for them. */
  workersWereDown: boolean;
  halted: boolean;
  /** The last complete reading was not true; two that agree would be believed. */
  lied: boolean;
  subscriptions: Map<CustomerName, KnownSubscription[]>;
  customerIds: Map<CustomerName, string>;
  /** What must never have happened. */
  wrongs: string[];
};

export type Row = {
  id: string;
  slug: string;
  phase: Phase;
  observed: Phase | null;
  generation: number;
  observedGeneration: number;
  status: string;
};

export function ownersOf(world: World, slug: string): KnownSubscription[] {
  return [...world.subscriptions.values()].flat().filter((one) => one.slug === slug);
}
