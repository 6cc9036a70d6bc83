/** Power actions of servers. */
import { actionAnswer, startAction } from "./actions.ts";
import { ApiError } from "./errors.ts";
import type { ServerRow, ServerStatus } from "./model.ts";
import { cutPower, restartMachine, startMachine, withMachine } from "./power.ts";
import { requireServer } from "./servers.ts";
import { requireUnlocked, type Answer, type Call, type Route, type World } from "./world.ts";

type PowerAction = {
  command: string;
  /** Status while the action runs. */
  during?: ServerStatus;
  /** Status when it has ended. */
  afterStatus?: ServerStatus;
  /** The machine's part. */
  work?: (world: World, server: ServerRow) => Promise<void>;
  /** In this status there is nothing to do: an action that has succeeded already. */
  alreadyIn?: ServerStatus;
  /** What goes on after the action has ended: `success` of a shutdown only says that it was sent. */
  afterwards?: (world: World, server: ServerRow) => void;
};

const powerActions: Record<string, PowerAction> = {
  poweron: {
    command: "start_server",
    during: "starting",
    afterStatus: "running",
    work: startMachine,
    alreadyIn: "running",
  },
  poweroff: {
    command: "stop_server",
    during: "stopping",
    afterStatus: "off",
    work: cutPower,
    alreadyIn: "off",
  },
  reset: { command: "reset_server", afterStatus: "running", work: restartMachine },
  shutdown: { command: "shutdown_server", alreadyIn: "off", afterwards: letShutDown },
  reboot: { command: "reboot_server", afterwards: letReboot },
};

export const serverPowerRoutes: Route[] = Object.entries(powerActions).map(([path, power]) => ({
  method: "POST",
  path: `/servers/:id/actions/${path}`,
  handle: (call) => startPowerAction(call, power),
}));

function startPowerAction(call: Call, power: PowerAction): Answer {
  const server = requireServer(call);
  const { world } = call;
  requireUnlocked(server);
  if (power.afterStatus === "running") requireInterface(server);
  const resources = [{ id: server.id, type: "server" as const }];
  if (server.status === power.alreadyIn) {
    return actionAnswer(call, startAction(call, { command: power.command, resources, immediate: true }));
  }
  const before = server.status;
  if (power.during !== undefined) server.status = power.during;
  const action = startAction(call, {
    command: power.command,
    resources,
    locks: [server],
    effect: () =>
      withMachine(
        world,
        async () => power.work?.(world, server),
        () => {
          if (power.afterStatus !== undefined) server.status = power.afterStatus;
          // The first boot with the rescue system on uses it up.
          if (power.afterStatus === "running") server.rescueUntil = null;
          power.afterwards?.(world, server);
        },
      ),
    undo: () => {
      server.status = before;
    },
  });
  return actionAnswer(call, action);
}

function requireInterface(server: ServerRow): void {
  if (server.ipv4 !== null || server.ipv6 !== null || server.privateNets.size > 0) return;
  throw new ApiError("unsupported_error", "server needs at least one network interface to be powered on");
}

function letShutDown(world: World, server: ServerRow): void {
  const off = (): void => {
    // Somebody may have deleted it or cut its power meanwhile.
    if (server.status === "running") server.status = "off";
  };
  if (world.machines === undefined || !server.hasMachine) return off();
  world.scheduler.track(world.machines.shutdown(server.id).then(off));
}

function letReboot(world: World, server: ServerRow): void {
  server.rescueUntil = null;
  if (world.machines !== undefined && server.hasMachine) {
    world.scheduler.track(world.machines.reboot(server.id));
  }
}
