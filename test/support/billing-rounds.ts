/** What tests do again and again with a billing side: rounds of sweeps, plans with grace, quantities, letters. */
import Stripe from "stripe";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import type { BillingSide } from "./billing.ts";

export async function readPhases(side: BillingSide): Promise<Record<string, string>> {
  return Object.fromEntries((await side.instances()).map(({ slug, phase }) => [slug, phase]));
}

/** Sweeps that could agree on something. */
export async function sweepRounds(
  side: BillingSide,
  count: number,
  providers?: BillingProvider[],
): Promise<string[]> {
  const outcomes: string[] = [];
  for (let round = 0; round < count; round += 1) {
    side.advance(10_000);
    outcomes.push((await side.sweep(undefined, providers)).outcome);
  }
  return outcomes;
}

/** Those of the sandbox have no grace. */
export function usePlansWithGrace(side: BillingSide): void {
  const grace = { pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 };
  side.apply.files = async () => {
    const read = await readStackFiles(sandboxStacks);
    const plans = Object.entries(read.plans).map(([id, plan]) => [id, { ...plan, grace }] as const);
    return { ...read, plans: Object.fromEntries(plans) };
  };
}

/** Occasions of letters that are not taken back. */
export async function readLetters(side: BillingSide): Promise<string[]> {
  const rows = await side.database.sql<{ occasion: string }[]>`
    select occasion from clawfleet.outbox where channel = 'mail' and state <> 'withdrawn' order by id`;
  return rows.map(({ occasion }) => occasion);
}

export function stripeSdk(side: BillingSide): Stripe {
  const { hostname, port } = new URL(side.stripe.origin);
  return new Stripe(side.stripe.key, { host: hostname, port: Number(port), protocol: "http" });
}

export async function setQuantity(
  side: BillingSide,
  subscriptionId: string,
  quantity: number,
): Promise<void> {
  const stripe = stripeSdk(side);
  const { items } = await stripe.subscriptions.retrieve(subscriptionId);
  const [item] = items.data;
  await stripe.subscriptions.update(subscriptionId, { items: [{ id: item?.id ?? "", quantity }] });
  await side.settle();
}
