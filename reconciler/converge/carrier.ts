/** The passing server on which a customer's files come to another disk: as a new one of its plan, and nobody's yet. */
import { renderUserData } from "../../cloud-init/user-data.ts";
import { carrierLabels, carrierName } from "../../components/naming.ts";
import { cellSecretsSchema, cellSettingsSchema, instanceSecretsSchema } from "../../infra/config.ts";
import { cellOutputsSchema } from "../../infra/outputs.ts";
import { open, sealContext } from "../../infra/seal.ts";
import type { Carrier } from "../cloud/hetzner-carriers.ts";
import type { Hetzner } from "../cloud/hetzner.ts";
import { listAddresses } from "../db/cells.ts";
import { findCarrierIp, recordCarrierIp } from "../db/transfers.ts";
import type { Located } from "../db/health.ts";
import type { ConvergeRow } from "../db/observed.ts";
import { findFreeAddress } from "../desired/addresses.ts";
import { lockPlacement } from "../desired/place.ts";
import { ClawfleetError, isClawfleetError } from "../errors.ts";
import type { MachineAddress } from "../health/machine-ssh.ts";
import type { ConvergeDeps } from "./converge-instance.ts";
import type { Place } from "./placement.ts";

export type CarrierDeps = Pick<ConvergeDeps, "sql" | "masterKey" | "log">;
export type Provided = { carrier: Carrier; address: MachineAddress };

/** The one that there is, else a new one in the first place that has room. @throws ClawfleetError `capacity_exhausted`: none has */
export async function provideCarrier(
  deps: CarrierDeps,
  hetzner: Hetzner,
  { row, located }: { row: ConvergeRow; located: Located },
  places: readonly Place[],
): Promise<Provided> {
  const present = await findUsable(hetzner, row.id, places);
  const carrier = present ?? (await makeCarrier(deps, hetzner, { row, located }, places));
  if (carrier.status === "off") await hetzner.rebootServer(carrier);
  const host = await findHost(deps, hetzner, { row, located }, carrier);
  const { sshPort } = cellSettingsSchema.parse(located.cellSettings);
  return { carrier, address: { host, port: sshPort, ...readKeys(deps.masterKey, located) } };
}

export async function removeCarriers(hetzner: Hetzner, instanceId: string): Promise<void> {
  for (const { id } of await hetzner.findCarriers(instanceId)) await hetzner.deleteServer(id);
}

/** Of a copy to other types, or one of two that a lost answer has made, none is left. */
async function findUsable(
  hetzner: Hetzner,
  instanceId: string,
  places: readonly Place[],
): Promise<Carrier | undefined> {
  const found = await hetzner.findCarriers(instanceId);
  const [usable] = found.filter(({ serverType }) => places.some((place) => place.serverType === serverType));
  for (const { id } of found) if (id !== usable?.id) await hetzner.deleteServer(id);
  return usable;
}

async function makeCarrier(
  deps: CarrierDeps,
  hetzner: Hetzner,
  { row, located }: { row: ConvergeRow; located: Located },
  places: readonly Place[],
): Promise<Carrier> {
  const settings = cellSettingsSchema.parse(located.cellSettings);
  const { sshKeyId } = cellOutputsSchema.parse(row.cellOutputs);
  const keys = readSecrets(deps.masterKey, located);
  const firewalls = await hetzner.findFirewalls(row.id);
  const common = {
    name: carrierName(row.id),
    labels: carrierLabels(row),
    image: settings.image,
    sshKeyId,
    firewallIds: firewalls.map(({ id }) => id),
    userData: renderUserData({
      ...keys,
      openclawVersion: settings.openclawVersion,
      sshPort: settings.sshPort,
      ...(settings.reach === "private" ? { sshFrom: settings.backendPrivateIp } : {}),
    }),
  };
  for (const place of places) {
    try {
      await hetzner.createCarrier({ ...common, ...place });
      deps.log.info({ stack: row.slug, ...place }, "a carrier for its files was made");
      break;
    } catch (error) {
      if (!isClawfleetError(error) || error.code !== "capacity_exhausted") throw error;
    }
  }
  const [made] = await hetzner.findCarriers(row.id);
  if (made) return made;
  throw new ClawfleetError({
    code: "capacity_exhausted",
    message: `no capacity for a ${[...new Set(places.map(({ serverType }) => serverType))].join(" or ")}`,
    retry: { kind: "retryable" },
  });
}

/** Where workers reach it: as its cell's instances are reached. */
async function findHost(
  deps: CarrierDeps,
  hetzner: Hetzner,
  { row, located }: { row: ConvergeRow; located: Located },
  carrier: Carrier,
): Promise<string> {
  const settings = cellSettingsSchema.parse(located.cellSettings);
  if (settings.reach === "public" && carrier.ipv4 !== undefined) return carrier.ipv4;
  const { networkId } = cellOutputsSchema.parse(row.cellOutputs);
  const present = carrier.networks.get(networkId);
  if (present !== undefined) return present;
  const ip = (await findCarrierIp(deps.sql, row.id)) ?? (await claimAddress(deps, row, settings));
  await hetzner.attachCarrier(carrier.id, { id: networkId, ip });
  return ip;
}

/** Counted as taken from here on, so that no new instance is given it. */
async function claimAddress(
  { sql }: CarrierDeps,
  row: ConvergeRow,
  { subnetRange, backendPrivateIp }: { subnetRange: string; backendPrivateIp: string },
): Promise<string> {
  const ip = await sql.begin(async (tx) => {
    await lockPlacement(tx);
    const free = findFreeAddress(subnetRange, new Set(await listAddresses(tx, row.cell)), backendPrivateIp);
    if (free !== undefined) await recordCarrierIp(tx, row.id, free);
    return free;
  });
  if (ip !== undefined) return ip;
  throw new ClawfleetError({
    code: "capacity_exhausted",
    message: `the cell ${row.cell} has no free address`,
    retry: { kind: "retryable" },
  });
}

function readSecrets(masterKey: string, { id, secrets }: Located) {
  const { hostKeyPrivate, hostKeyPublic } = instanceSecretsSchema.parse(
    open(masterKey, secrets, sealContext.instance(id)),
  );
  return { hostKeyPrivate, hostKeyPublic };
}

/** The carrier has the host key that the customer's next server will have. */
function readKeys(masterKey: string, located: Located): Pick<MachineAddress, "hostKey" | "privateKey"> {
  const { hostKeyPublic } = readSecrets(masterKey, located);
  const { sshPrivateKey } = cellSecretsSchema.parse(
    open(masterKey, located.cellSecrets, sealContext.cell(located.cell)),
  );
  return { hostKey: hostKeyPublic, privateKey: sshPrivateKey };
}
