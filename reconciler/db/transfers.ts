/** Servers on their way to another place or another disk, and the plans that one could not follow. One statement a function. */
import type { Location } from "../../infra/config.ts";
import type { Query } from "./database.ts";

/** Before anything is done for it, so that whatever dies on the way, all of it is looked for again. */
export async function beginTransfer(sql: Query, id: string, mark: string): Promise<void> {
  await sql`update clawfleet.instances set transfer_mark = ${mark} where id = ${id}`;
}

/** Nothing of it is left. */
export async function endTransfer(sql: Query, id: string): Promise<void> {
  await sql`update clawfleet.instances set transfer_mark = null, carrier_ip = null where id = ${id}`;
}

/** Before it stops serving its customer; of several stops on the way the first counts. */
export async function recordDown(sql: Query, id: string, now: Date): Promise<void> {
  await sql`update clawfleet.instances set down_since = coalesce(down_since, ${now}) where id = ${id}`;
}

/** It serves its customer where it stands. */
export async function clearDown(sql: Query, id: string): Promise<void> {
  await sql`update clawfleet.instances set down_since = null where id = ${id}`;
}

export async function recordCarrierIp(sql: Query, id: string, ip: string): Promise<void> {
  await sql`update clawfleet.instances set carrier_ip = ${ip} where id = ${id}`;
}

export async function findCarrierIp(sql: Query, id: string): Promise<string | undefined> {
  const [row] = await sql<{ ip: string | null }[]>`
    select host(carrier_ip) as ip from clawfleet.instances where id = ${id}`;
  return row?.ip ?? undefined;
}

/** It stands there, and `plan` would have it elsewhere. `again`: to try once more stops nothing. */
export async function recordMisfit(
  sql: Query,
  id: string,
  misfit: { serverType: string; location: Location; plan: string; again: boolean },
): Promise<void> {
  await sql`
    update clawfleet.instances set
      server_type = ${misfit.serverType}, location = ${misfit.location}, placement_attempt = 0,
      misfit_plan = ${misfit.plan}, misfit_again = ${misfit.again}
    where id = ${id}`;
}

/** For who asks why an assistant does not answer. */
export async function recordStage(sql: Query, id: string, detail: string): Promise<void> {
  await sql`update clawfleet.instances set status_detail = ${detail} where id = ${id} and status = 'converging'`;
}
