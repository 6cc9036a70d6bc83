/** Machines without processes: what a server's scripts would have left behind is kept in memory. For storms and fleets. */
import { setTimeout as sleep } from "node:timers/promises";
import { parseUserData } from "../machines/cloud-config.ts";
import { machinePorts, type MachineDriver, type MachineSpec } from "../machines/driver.ts";
import { blankDisk, gatewayRuns, type Disk, type LightMachine } from "./light-machine.ts";
import { runRemoteCommand } from "./light-scripts.ts";
import { startLightSite, type LightSite } from "./light-site.ts";
import { startLightSshd, type CommandFault, type LightSshd } from "./light-sshd.ts";

export type LightMachines = MachineDriver & {
  /** What happens to the next command that comes over SSH, on whichever machine. */
  failNext(fault: CommandFault): void;
  clearFaults(): void;
  ids(): number[];
  /** As it is now; what is written to it is on the machine. */
  disk(id: number): Disk;
  /** It is on, configured to run, and nobody has stopped it. */
  gatewayRuns(id: number): boolean;
};

type Powered = { sshd: LightSshd | undefined; site: LightSite | undefined; off: AbortController };
type Slot = LightMachine & { spec: MachineSpec; powered: Powered | undefined; turn: Promise<unknown> };

/** Time from power to SSH. */
const bootMs = 150;

export function createLightMachines(): LightMachines {
  const slots = new Map<number, Slot>();
  const images = new Map<string, Disk>();
  const faults: CommandFault[] = [];

  const find = (id: number): Slot => {
    const slot = slots.get(id);
    if (!slot) throw new Error(`there is no machine ${id}`);
    return slot;
  };
  const inTurn = <T>(slot: Slot, work: () => Promise<T>): Promise<T> => {
    const mine = slot.turn.then(work, work);
    slot.turn = mine.catch(() => undefined);
    return mine;
  };

  function powerOn(slot: Slot): void {
    if (slot.powered) return;
    const powered: Powered = { sshd: undefined, site: undefined, off: new AbortController() };
    slot.powered = powered;
    slot.stopped = false;
    void boot(slot, powered).catch(() => undefined);
  }

  async function boot(slot: Slot, powered: Powered): Promise<void> {
    await sleep(bootMs, undefined, { signal: powered.off.signal });
    const { address, authorizedKeys } = slot.spec;
    slot.disk.bootedFor ??= slot.spec.id;
    const sshd = await startLightSshd({
      host: address,
      port: machinePorts.ssh,
      hostKey: slot.disk.hostKey,
      authorizedKeys,
      takeFault: () => faults.shift(),
      run: async (command, stdin) => {
        const result = await runRemoteCommand(slot, command, stdin, powered.off.signal);
        await serveSite(slot);
        return result;
      },
    });
    powered.sshd = sshd;
    if (slot.powered === powered) await serveSite(slot);
    else await sshd.close();
  }

  /** The proxy serves when it is configured, with the certificate that is there now. */
  async function serveSite(slot: Slot): Promise<void> {
    const { powered, disk } = slot;
    if (!powered) return;
    const { key, certificate, configuration } = disk;
    const wanted = configuration?.phase === "running" && key !== undefined && certificate !== undefined;
    if (!wanted) {
      await powered.site?.close();
      powered.site = undefined;
      return;
    }
    powered.site ??= await startLightSite(slot.spec.address, machinePorts.https, () => slot.disk);
    powered.site.use({ key, cert: certificate });
  }

  async function powerOff(slot: Slot): Promise<void> {
    const { powered } = slot;
    slot.powered = undefined;
    if (!powered) return;
    powered.off.abort();
    await Promise.all([powered.sshd?.close(), powered.site?.close()]);
  }

  function makeDisk(spec: MachineSpec): Disk {
    const { sshKeys } = parseUserData(spec.userData);
    return blankDisk(sshKeys["ed25519_private"] ?? "");
  }

  const driver: LightMachines = {
    async create(spec) {
      const image = spec.imageDisk === undefined ? undefined : images.get(spec.imageDisk);
      const disk = image ? structuredClone(image) : makeDisk(spec);
      const slot: Slot = {
        spec,
        disk,
        addresses: new Set(),
        powered: undefined,
        turn: Promise.resolve(),
      };
      slots.set(spec.id, slot);
      powerOn(slot);
    },
    powerOn: (id) => inTurn(find(id), async () => powerOn(find(id))),
    powerOff: (id) => inTurn(find(id), () => powerOff(find(id))),
    shutdown: (id) => inTurn(find(id), () => powerOff(find(id))),
    reboot: (id) =>
      inTurn(find(id), async () => {
        await powerOff(find(id));
        powerOn(find(id));
      }),
    rebuild: (id, userData) =>
      inTurn(find(id), async () => {
        const slot = find(id);
        await powerOff(slot);
        if (userData !== undefined) slot.spec = { ...slot.spec, userData };
        slot.disk = makeDisk(slot.spec);
        powerOn(slot);
      }),
    async attachNetwork(id, ip) {
      find(id).addresses.add(ip);
    },
    async detachNetwork(id, ip) {
      find(id).addresses.delete(ip);
    },
    async snapshot(id, imageId) {
      images.set(imageId, structuredClone(find(id).disk));
    },
    async deleteSnapshot(imageId) {
      images.delete(imageId);
    },
    async destroy(id) {
      const slot = slots.get(id);
      if (!slot) return;
      slots.delete(id);
      await inTurn(slot, () => powerOff(slot));
    },
    isRunning: (id) => slots.get(id)?.powered !== undefined,
    async close() {
      await Promise.all([...slots.keys()].map((id) => driver.destroy(id)));
    },
    failNext: (fault) => void faults.push(fault),
    clearFaults: () => void faults.splice(0),
    ids: () => [...slots.keys()],
    disk: (id) => find(id).disk,
    gatewayRuns: (id) => find(id).powered !== undefined && gatewayRuns(find(id)),
  };
  return driver;
}
