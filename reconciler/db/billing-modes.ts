/** Rows of `clawfleet.billing_modes`: whether each provider bills this fleet with real money. */
import type { Query } from "./database.ts";

/** The first one decides for ever; false when this one is of the other mode. */
export async function claimMode(
  sql: Query,
  provider: { name: string; livemode: boolean },
  now: Date,
): Promise<boolean> {
  const [row] = await sql<{ same: boolean }[]>`
    with claimed as (
      insert into clawfleet.billing_modes (provider, livemode, since)
      values (${provider.name}, ${provider.livemode}, ${now})
      on conflict do nothing
    )
    select coalesce(
      (select livemode = ${provider.livemode} from clawfleet.billing_modes where provider = ${provider.name}), true
    ) as same`;
  return row?.same ?? true;
}
