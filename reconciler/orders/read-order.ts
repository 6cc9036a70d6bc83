/** What the progress page shows, read from the order, its instance and that instance's operations. */
import type { Sql } from "postgres";
import type { Plans } from "../../infra/plans.ts";
import { findFleetInstanceById } from "../db/fleet.ts";
import { findOrder } from "../db/orders.ts";
import { toOrderView, type OrderView, type StepId } from "../web/order-view.ts";

export type ReadOrderDeps = {
  sql: Sql;
  plans(): Plans;
  addressOf(slug: string): Promise<string>;
  readProgress(instanceId: string): Promise<{ done: ReadonlySet<StepId>; current: StepId | undefined }>;
};

const noProgress = { done: new Set<StepId>(), current: undefined };

export async function readOrder(deps: ReadOrderDeps, orderId: string): Promise<OrderView | undefined> {
  const order = await findOrder(deps.sql, orderId);
  if (!order) return undefined;
  // By the order's own instance and never by name, which others can have had before it or after it.
  const instance =
    order.instanceId === null ? undefined : await findFleetInstanceById(deps.sql, order.instanceId);
  return toOrderView({
    order: { ...order, payUrl: order.state === "open" ? (order.checkoutUrl ?? undefined) : undefined },
    planName: deps.plans()[order.plan]?.name ?? order.plan,
    url: instance?.url ?? (await deps.addressOf(instance?.slug ?? order.slug)),
    instance: instance && {
      status: instance.status,
      phase: instance.phase,
      statusDetail: instance.statusDetail,
    },
    progress: instance ? await deps.readProgress(instance.id) : noProgress,
  });
}
