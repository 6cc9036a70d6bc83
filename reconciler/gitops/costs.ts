/** What a plan's servers cost. Pure. */
import type { PriceList } from "../cloud/hetzner-inventory.ts";
import { costOfServer } from "../cloud/hetzner-prices.ts";
import type { PlanCustomerRow } from "../db/plans.ts";

/** Net, in the account's currency; no server costs nothing. null: it cannot be told. */
export function monthlyCost(
  server: PlanCustomerRow["current"],
  prices: PriceList | undefined,
): number | null {
  if (server === null) return 0;
  if (!prices) return null;
  const { serverType: type, location, backups } = server;
  const cents = costOfServer({ type, location, backups, ipv4: true }, prices);
  return cents === undefined ? null : cents / 100;
}
