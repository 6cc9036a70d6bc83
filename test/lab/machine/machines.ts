/** Lab machines behind the simulated Hetzner API: the driver that it has for its light machines, with real systems. */
import { appendFile, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { runCommand, type CommandResult } from "../../../infra/engine/tools.ts";
import type { MachineDriver, MachineSpec } from "../../sandbox/machines/driver.ts";
import { plugPrivate, plugPublic, unplug, unplugPrivate } from "../network/network.ts";
import { createDisk, mountDisk, saveSnapshot, unmountDisk, writeSeed } from "./disk.ts";
import { boot, type Boot } from "./nspawn.ts";
import { seedFiles } from "./seed.ts";

export type LabMachines = MachineDriver & {
  /** Runs a script inside as root, past sshd: for looking. */
  run(id: number, script: string): Promise<CommandResult>;
  readConsole(id: number): Promise<string>;
  /** Behind Hetzner's back: as a host that dies. */
  crash(id: number): Promise<void>;
  ids(): number[];
};

export type LabMachinesOptions = {
  scratch: string;
  /** Lower layers of every disk, bottom first. */
  layers: readonly string[];
  group: string;
};

type Machine = {
  spec: MachineSpec;
  folder: string;
  privateIps: Set<string>;
  boot?: Boot;
  /** Differs after each rebuild: cloud-init runs once for each instance. */
  instance: number;
  /** One change at a time. */
  turn: Promise<unknown>;
};

const shutdownGraceMs = 60_000;

export function createLabMachines(options: LabMachinesOptions): LabMachines {
  const machines = new Map<number, Machine>();
  const images = join(options.scratch, "images");

  const find = (id: number): Machine => {
    const machine = machines.get(id);
    if (!machine) throw new Error(`there is no machine ${id}`);
    return machine;
  };
  const inTurn = (id: number, work: (machine: Machine) => Promise<void>): Promise<void> => {
    const machine = find(id);
    const mine = machine.turn.then(
      () => work(machine),
      () => work(machine),
    );
    machine.turn = mine.catch(() => undefined);
    return mine;
  };

  async function powerOn(machine: Machine): Promise<void> {
    if (machine.boot?.isAlive()) return;
    const { spec, folder } = machine;
    await plugPublic(spec.id);
    for (const ip of machine.privateIps) await plugPrivate(spec.id, ip);
    // Still mounted when the machine went by itself.
    await unmountDisk(folder);
    const root = await mountDisk(folder, options.layers);
    const console = join(folder, "console.log");
    await appendFile(console, `\n--- boot ${new Date().toISOString()}\n`);
    const booted = await boot({ id: spec.id, name: spec.name, root, group: options.group, console });
    machine.boot = booted;
    void booted.ended.then((wish) => (wish === "reboot" ? bootAgain(machine, booted) : undefined));
  }

  /** From within, as after a security update; unless somebody has done something else with it meanwhile. */
  function bootAgain({ spec }: Machine, before: Boot): Promise<void> {
    return inTurn(spec.id, async (machine) => {
      if (machine.boot !== before) return;
      await halt(machine, 0);
      await powerOn(machine);
    }).catch(() => undefined);
  }

  async function halt(machine: Machine, graceMs: number): Promise<void> {
    if (graceMs > 0) await machine.boot?.shutDown(graceMs);
    else await machine.boot?.kill();
    delete machine.boot;
    await unplug(machine.spec.id);
    await unmountDisk(machine.folder);
  }

  async function wipe(machine: Machine): Promise<void> {
    const { spec, folder } = machine;
    machine.instance += 1;
    await createDisk(folder, spec.imageDisk === undefined ? undefined : join(images, spec.imageDisk));
    await writeSeed(folder, seedFiles(spec, `${spec.id}-${machine.instance}`));
  }

  const driver: LabMachines = {
    async create(spec) {
      const folder = join(options.scratch, `m${spec.id}`);
      await mkdir(folder, { recursive: true });
      machines.set(spec.id, {
        spec,
        folder,
        privateIps: new Set(),
        instance: 0,
        turn: Promise.resolve(),
      });
      await inTurn(spec.id, async (machine) => {
        await wipe(machine);
        await powerOn(machine);
      });
    },
    powerOn: (id) => inTurn(id, powerOn),
    powerOff: (id) => inTurn(id, (machine) => halt(machine, 0)),
    shutdown: (id) => inTurn(id, (machine) => halt(machine, shutdownGraceMs)),
    reboot: (id) =>
      inTurn(id, async (machine) => {
        await halt(machine, shutdownGraceMs);
        await powerOn(machine);
      }),
    rebuild: (id, userData) =>
      inTurn(id, async (machine) => {
        await halt(machine, 0);
        if (userData !== undefined) machine.spec = { ...machine.spec, userData };
        await wipe(machine);
        await powerOn(machine);
      }),
    attachNetwork: (id, ip) =>
      inTurn(id, async (machine) => {
        machine.privateIps.add(ip);
        if (machine.boot?.isAlive()) await plugPrivate(id, ip);
      }),
    detachNetwork: (id, ip) =>
      inTurn(id, async (machine) => {
        machine.privateIps.delete(ip);
        await unplugPrivate(id);
      }),
    snapshot: (id, imageId) =>
      inTurn(id, async (machine) => saveSnapshot(machine.folder, join(images, imageId))),
    deleteSnapshot: (imageId) => rm(join(images, imageId), { recursive: true, force: true }),
    async destroy(id) {
      if (!machines.has(id)) return;
      await inTurn(id, async (machine) => {
        machines.delete(id);
        await halt(machine, 0);
        await rm(machine.folder, { recursive: true, force: true });
      });
    },
    isRunning: (id) => machines.get(id)?.boot?.isAlive() ?? false,
    async close() {
      await Promise.all([...machines.keys()].map((id) => driver.destroy(id)));
    },
    run: (id, script) => runInside(find(id), script),
    readConsole: (id) => readFile(join(find(id).folder, "console.log"), "utf8"),
    crash: (id) => inTurn(id, (machine) => halt(machine, 0)),
    ids: () => [...machines.keys()],
  };
  return driver;
}

function runInside({ boot: running }: Machine, script: string): Promise<CommandResult> {
  if (!running?.isAlive()) return Promise.resolve({ code: 255, stdout: "", stderr: "the machine is off" });
  const into = ["--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--root", "--wd"];
  const shell = [
    "env",
    "-i",
    "HOME=/root",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  ];
  const args = ["--target", String(running.pid), ...into, ...shell, "/bin/bash", "-c", script];
  return runCommand("nsenter", args, { timeoutMs: 120_000 });
}
