/** Power of servers: status in the row, and the machine behind it when there is a driver. */
import type { MachineSpec } from "../machines/driver.ts";
import type { ImageRow, ServerRow } from "./model.ts";
import type { World } from "./world.ts";

/** Boots; the first time the machine is made. Resolves when the power is on. */
export async function startMachine(world: World, server: ServerRow): Promise<void> {
  if (world.machines === undefined || server.removed) return;
  if (server.hasMachine) return world.machines.powerOn(server.id);
  return makeMachine(world, server);
}

async function makeMachine(world: World, server: ServerRow): Promise<void> {
  if (world.machines === undefined) return;
  // Set first: whoever deletes the server meanwhile must also destroy what is being made.
  server.hasMachine = true;
  try {
    await world.machines.create(toMachineSpec(server));
  } catch (cause) {
    // Half a machine is none: the next start makes it anew.
    server.hasMachine = false;
    await world.machines.destroy(server.id).catch(() => {});
    throw cause;
  }
  if (server.removed) return world.machines.destroy(server.id);
  for (const net of server.privateNets.values()) await world.machines.attachNetwork(server.id, net.ip);
}

function toMachineSpec(server: ServerRow): MachineSpec {
  const disk = toDisk(server.image);
  return {
    id: server.id,
    name: server.name,
    address: server.ipv4?.ip ?? "127.0.0.1",
    userData: server.userData,
    authorizedKeys: server.sshKeys,
    memoryGb: server.serverType.memoryGb,
    ...(disk === undefined ? {} : { imageDisk: disk }),
  };
}

/** Only what was copied from a machine has a disk to start from. */
function toDisk(image: ImageRow | null): string | undefined {
  return image === null || image.type === "system" ? undefined : String(image.id);
}

export async function cutPower(world: World, server: ServerRow): Promise<void> {
  if (server.hasMachine) await world.machines?.powerOff(server.id);
}

export async function restartMachine(world: World, server: ServerRow): Promise<void> {
  await cutPower(world, server);
  await startMachine(world, server);
}

/** Wiped disk, first boot again, from the image that the row has now. */
export async function rebuildMachine(world: World, server: ServerRow): Promise<void> {
  const { machines } = world;
  if (machines === undefined) return;
  if (!server.hasMachine) return makeMachine(world, server);
  if (toDisk(server.image) === undefined) {
    await machines.rebuild(server.id, server.userData);
    return;
  }
  await machines.destroy(server.id);
  await makeMachine(world, server);
}

export async function destroyMachine(world: World, server: ServerRow): Promise<void> {
  if (server.hasMachine) await world.machines?.destroy(server.id);
}

/** Without a driver nothing waits, and an action may end within its own turn. */
export function withMachine(world: World, work: () => Promise<void>, then: () => void): void | Promise<void> {
  if (world.machines === undefined) return then();
  return work().then(then);
}
