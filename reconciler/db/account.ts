/** What a customer's own billing page reads: their order's instance and the subscription that pays for it. */
import type { Phase } from "../../infra/config.ts";
import { chargedStatuses } from "../desired/phases.ts";
import type { Query } from "./database.ts";

export type AccountRow = {
  instanceId: string;
  slug: string;
  plan: string;
  phase: Phase;
  gone: boolean;
  provider: string;
  subscriptionId: string;
  customerId: string;
  url: string | null;
  /** First part of its address, and what follows; null: it has no cell yet. */
  label: string;
  zone: string | null;
  /** null: billing has never listed it, or it is nobody's any more. */
  status: string | null;
  statusSince: Date | null;
  createdAt: Date | null;
  periodEnd: Date | null;
  cancelAt: Date | null;
  endedAt: Date | null;
  trialEnd: Date | null;
  /** Assistants that its subscription paid for and that are still there, the order's own among them. */
  seats: { subscriptionId: string; name: string }[];
  /** As the provider says it. */
  quantity: number;
  /** Other subscriptions of the same customer that are charged for this one assistant. */
  paidAgain: number;
};

export async function findAccount(sql: Query, orderId: string): Promise<AccountRow | undefined> {
  const [row] = await sql<AccountRow[]>`
    select i.id as "instanceId", i.slug, i.plan, i.phase, i.status = 'gone' as gone, i.provider,
      i.subscription_id as "subscriptionId", i.customer_id as "customerId", i.outputs ->> 'url' as url,
      coalesce(i.override ->> 'address', i.slug) as label, c.settings ->> 'zone' as zone,
      s.status, s.status_since as "statusSince", s.created_at as "createdAt", s.period_end as "periodEnd",
      s.cancel_at as "cancelAt", s.ended_at as "endedAt", s.trial_end as "trialEnd",
      coalesce(s.quantity, 1) as quantity,
      (select jsonb_agg(
          jsonb_build_object('subscriptionId', seat.subscription_id, 'name', coalesce(seat.override ->> 'address', seat.slug))
          order by length(seat.subscription_id), seat.subscription_id
        ) from clawfleet.instances seat
        where seat.provider = i.provider and seat.status <> 'gone' and (
          seat.id = i.id or (seat.customer_id = i.customer_id and seat.subscription_id like split_part(i.subscription_id, '#', 1) || '#%')
        )) as seats,
      (select count(*)::int from clawfleet.subscriptions again
        where again.slug = i.slug and again.customer_id = i.customer_id and (again.provider, again.id) <> (i.provider, i.subscription_id)
          and again.status = any(${[...chargedStatuses]}::text[])) as "paidAgain"
    from clawfleet.orders o
    join clawfleet.instances i on i.id = o.instance_id
    left join clawfleet.cells c on c.name = i.cell
    left join clawfleet.subscriptions s on s.provider = i.provider and s.id = i.subscription_id
    where o.id = ${orderId}`;
  return row;
}
