/** What a customer may know and do about their subscription, computed from rows. Pure. */
import type { Plan, Plans } from "../../infra/plans.ts";
import type { AccountRow } from "../db/account.ts";
import { assertNever } from "../errors.ts";
import { findDeletion, hasEnded } from "../desired/phases.ts";
import { findPlanOfPrice, priceKeyOf } from "../desired/plan-prices.ts";
import type { Invoice } from "../billing/desk.ts";
import { describePlan } from "./describe-plan.ts";

export type AccountOffer = { id: string; name: string; summary: string; price: string | undefined };

export type AccountView = {
  orderId: string;
  name: string;
  url: string | null;
  /** Behind the name in its address. */
  zone: string | null;
  planName: string;
  /** Every assistant of this subscription. */
  seats: string[];
  /** That the provider charges for; more than `seats` can be. */
  quantity: number;
  /** By another subscription of theirs. */
  paidTwice: boolean;
  state: "trial" | "paid" | "late" | "stopped" | "ending" | "ended" | "gone" | "given";
  /** The end of the trial or of the period, the day of a cancellation, or that of the deletion. */
  until: Date | null;
  may: {
    change: boolean;
    quantity: boolean;
    cancel: boolean;
    keep: boolean;
    comeBack: boolean;
    portal: boolean;
    address: boolean;
  };
  /** To change to, or to come back with. */
  offers: AccountOffer[];
  /** undefined: billing could not be asked. */
  invoices: Invoice[] | undefined;
};

export type AccountFacts = {
  orderId: string;
  row: AccountRow;
  plans: Plans;
  /** Of a plan at the customer's provider. */
  priceOf: (plan: Plan) => string | undefined;
  invoices: Invoice[] | undefined;
  now: Date;
};

export function toAccountView({ orderId, row, plans, priceOf, invoices, now }: AccountFacts): AccountView {
  const plan = plans[row.plan];
  const state = toState(row);
  const once = plan?.oneTime === true;
  const agreed = !once && (state === "paid" || state === "trial" || state === "ending");
  const living = state !== "gone" && state !== "given" && state !== "ended";
  const offers = Object.entries(plans)
    .filter(([id, one]) => isFor(row, state, id, one))
    .map(([id, one]) => ({ id, name: one.name, summary: describePlan(one), price: priceOf(one) }));
  return {
    orderId,
    name: row.label,
    url: row.url,
    zone: row.zone,
    planName: plan?.name ?? row.plan,
    seats: row.seats.map(({ name }) => name),
    quantity: row.quantity,
    paidTwice: living && row.paidAgain > 0,
    state,
    until: toDate(state, row, plan, now),
    may: {
      change: agreed && offers.length > 0,
      quantity: agreed,
      cancel: (state === "paid" || state === "trial" || state === "late") && !once,
      keep: state === "ending" && !once,
      comeBack: state === "ended" && offers.length > 0,
      portal: living || state === "ended",
      address: living && row.phase === "running" && row.zone !== null,
    },
    offers,
    invoices,
  };
}

function toState(row: AccountRow): AccountView["state"] {
  if (row.gone || row.phase === "gone") return "gone";
  if (row.provider === "comped") return "given";
  if (row.status === null || hasEnded(row.status)) return "ended";
  if (row.cancelAt !== null) return "ending";
  if (row.status === "trialing") return "trial";
  if (row.status === "active") return "paid";
  return row.status === "past_due" ? "late" : "stopped";
}

/** Other plans of the same provider; who comes back may take the old one too. */
function isFor(row: AccountRow, state: AccountView["state"], id: string, plan: Plan): boolean {
  const key = priceKeyOf(plan, row.provider);
  if (!plan.offered || plan.oneTime === true || key === undefined) return false;
  return (
    findPlanOfPrice({ [id]: plan }, row.provider, key) !== undefined && (state === "ended" || id !== row.plan)
  );
}

function toDate(
  state: AccountView["state"],
  row: AccountRow,
  plan: Plan | undefined,
  now: Date,
): Date | null {
  switch (state) {
    case "trial":
      return row.trialEnd ?? row.periodEnd;
    case "paid":
    case "late":
      return row.periodEnd;
    case "ending":
      return row.cancelAt;
    case "ended": {
      const since = row.endedAt ?? row.statusSince;
      return plan && since && row.status !== null
        ? findDeletion(row.status, { since, now }, plan.grace)
        : null;
    }
    case "stopped":
    case "gone":
    case "given":
      return null;
    default:
      return assertNever(state);
  }
}
