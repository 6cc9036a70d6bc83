/** Machines that really run scripts: one set of namespaces, one disk, one address and one sshd for each. */
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { spawn } from "node:child_process";
import { createSshKeyPair } from "../../../reconciler/ssh-key.ts";
import { runCommand, type CommandResult } from "../../../infra/engine/tools.ts";
import { parseUserData } from "./cloud-config.ts";
import {
  copyDisk,
  createDisk,
  createMachineFolders,
  machineFolders,
  pathOnHost,
  type MachineFolders,
} from "./disk.ts";
import { machinePorts, type MachineDriver, type MachineSpec } from "./driver.ts";
import { startForwarder, type Forwarder } from "./forwarder.ts";
import { checkNamespaces, startNamespace, type MachineEvent, type Namespace } from "./namespace.ts";
import { sessionEnvironment, startSshServer, type SshServer } from "./ssh-server.ts";

export type Machines = MachineDriver & {
  /** Runs a script inside as root, past sshd: for looking, in tests and demos. */
  run(id: number, script: string, stdin?: string): Promise<CommandResult>;
  /** A file that the machine wrote. @throws when it has not. */
  readFile(id: number, path: string): Promise<string>;
  /** What the machine said on its console. */
  readConsole(id: number): Promise<string>;
  /** Resolves when the first boot, or the boot that goes on now, has ended. */
  booted(id: number): Promise<void>;
  ids(): number[];
};

type Machine = {
  spec: MachineSpec;
  folders: MachineFolders;
  addresses: Set<string>;
  namespace?: Namespace;
  /** The last one listens; those before it serve the sessions that they still have. */
  ssh: SshServer[];
  forwarders: Forwarder[];
  booted: Promise<void>;
  /** One change at a time; sshd's start is one. */
  turn: Promise<unknown>;
};

const stopGraceMs = 8000;
const sshdAttempts = 50;

/** @throws when this system allows no namespaces, with what to do. */
export async function createMachines(): Promise<Machines> {
  const check = await checkNamespaces();
  if (!check.usable) throw new Error(`machines need namespaces: ${check.reason}; ${check.remedy}`);
  const scratch = await mkdtemp(join(tmpdir(), "clawfleet-machines-"));
  const machines = new Map<number, Machine>();
  const images = join(scratch, "images");
  await mkdir(images);

  const find = (id: number): Machine => {
    const machine = machines.get(id);
    if (!machine) throw new Error(`there is no machine ${id}`);
    return machine;
  };
  const inTurn = <T>(machine: Machine, work: () => Promise<T>): Promise<T> => {
    const mine = machine.turn.then(work, work);
    machine.turn = mine.catch(() => undefined);
    return mine;
  };

  const driver: Machines = {
    async create(spec) {
      const folders = machineFolders(scratch, spec.id);
      await createMachineFolders(
        folders,
        spec.imageDisk === undefined ? undefined : join(images, spec.imageDisk),
      );
      const machine: Machine = {
        spec,
        folders,
        addresses: new Set(),
        ssh: [],
        forwarders: [],
        booted: Promise.resolve(),
        turn: Promise.resolve(),
      };
      machines.set(spec.id, machine);
      await inTurn(machine, async () => {
        await writeSeed(machine);
        await boot(machine);
      });
    },
    powerOn: (id) => inTurn(find(id), () => boot(find(id))),
    powerOff: (id) => inTurn(find(id), () => halt(find(id), 0)),
    shutdown: (id) => inTurn(find(id), () => halt(find(id), stopGraceMs)),
    reboot: (id) =>
      inTurn(find(id), async () => {
        await halt(find(id), stopGraceMs);
        await boot(find(id));
      }),
    rebuild: (id, userData) =>
      inTurn(find(id), async () => {
        const machine = find(id);
        await halt(machine, 0);
        if (userData !== undefined) machine.spec = { ...machine.spec, userData };
        await rm(machine.folders.disk, { recursive: true, force: true });
        await createDisk(machine.folders.disk);
        await writeSeed(machine);
        await boot(machine);
      }),
    attachNetwork: (id, ip) => inTurn(find(id), () => changeAddress(find(id), "add", ip)),
    detachNetwork: (id, ip) => inTurn(find(id), () => changeAddress(find(id), "delete", ip)),
    snapshot: (id, imageId) => inTurn(find(id), () => copyDisk(find(id).folders.disk, join(images, imageId))),
    async deleteSnapshot(imageId) {
      await rm(join(images, imageId), { recursive: true, force: true });
    },
    async destroy(id) {
      const machine = machines.get(id);
      if (!machine) return;
      machines.delete(id);
      await inTurn(machine, async () => {
        await halt(machine, 0);
        await rm(machine.folders.folder, { recursive: true, force: true });
      });
    },
    isRunning: (id) => machines.get(id)?.namespace?.isAlive() ?? false,
    async close() {
      await Promise.all([...machines.keys()].map((id) => driver.destroy(id)));
      await rm(scratch, { recursive: true, force: true });
    },
    run: (id, script, stdin) => runInside(find(id), script, stdin),
    readFile: (id, path) => readFile(pathOnHost(find(id).folders.disk, path), "utf8"),
    readConsole: (id) => readFile(find(id).folders.console, "utf8"),
    booted: (id) => find(id).booted,
    ids: () => [...machines.keys()],
  };
  return driver;

  async function boot(machine: Machine): Promise<void> {
    if (machine.namespace?.isAlive()) return;
    await writeFile(machine.folders.addresses, [...machine.addresses, ""].join("\n"));
    const finished = Promise.withResolvers<void>();
    machine.booted = finished.promise;
    const namespace = await startNamespace(machine.folders, machine.spec.name, (event) => {
      if (event.event === "ssh")
        void inTurn(machine, () => restartSsh(machine, event)).catch(() => undefined);
      else finished.resolve();
    });
    machine.namespace = namespace;
    void namespace.ended.then(finished.resolve);
    machine.forwarders = [
      await startForwarder(
        machine.spec.address,
        machinePorts.https,
        join(machine.folders.host, "https.sock"),
      ),
    ];
  }

  async function restartSsh(machine: Machine, event: Extract<MachineEvent, { event: "ssh" }>): Promise<void> {
    // Low ports need root, which the sandbox does not count on.
    const port = event.port < 1024 ? machinePorts.ssh : event.port;
    if (!machine.namespace?.isAlive()) return;
    // The same port with the same key again is nothing that anybody outside could see.
    if (await machine.ssh.at(-1)?.stillServes(port)) return;
    machine.ssh.at(-1)?.stopListening();
    machine.ssh.push(await startSshd(machine, machine.namespace, port));
  }

  async function halt(machine: Machine, graceMs: number): Promise<void> {
    await machine.namespace?.stop(graceMs);
    await machine.namespace?.kill();
    delete machine.namespace;
    await Promise.all(machine.ssh.map((server) => server.close()));
    machine.ssh = [];
    await Promise.all(machine.forwarders.map((forwarder) => forwarder.close()));
    machine.forwarders = [];
  }

  async function changeAddress(machine: Machine, verb: "add" | "delete", ip: string): Promise<void> {
    if (verb === "add") machine.addresses.add(ip);
    else machine.addresses.delete(ip);
    const { namespace } = machine;
    if (!namespace?.isAlive()) return;
    const { code, stderr } = await runCommand(
      "nsenter",
      ["--target", String(namespace.pid), "--net", "ip", "address", verb, `${ip}/32`, "dev", "lo"],
      { timeoutMs: 10_000 },
    );
    if (code !== 0 && !stderr.includes("File exists"))
      throw new Error(`ip address ${verb} ${ip}: ${stderr.trim()}`);
  }
}

/** As systemd would: tried again for a while, with what went wrong on the console. */
async function startSshd(machine: Machine, namespace: Namespace, port: number): Promise<SshServer> {
  const { spec, folders } = machine;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startSshServer({
        host: spec.address,
        port,
        disk: folders.disk,
        enter: namespace.enter,
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      await appendFile(folders.console, `sshd: ${reason} (attempt ${attempt})\n`);
      if (attempt >= sshdAttempts || !namespace.isAlive()) throw error;
      await sleep(100);
    }
  }
}

/** What Hetzner's metadata service would tell cloud-init. A new instance id makes the first boot run again. */
async function writeSeed({ spec, folders }: Machine): Promise<void> {
  const firstBoot = parseUserData(spec.userData);
  if (!firstBoot.sshKeys["ed25519_private"]) {
    const pair = createSshKeyPair("sandbox");
    firstBoot.sshKeys = { ed25519_private: pair.private, ed25519_public: pair.public };
  }
  const seed = { instanceId: String(spec.id), authorizedKeys: spec.authorizedKeys, firstBoot };
  await writeFile(join(folders.host, "seed.json"), JSON.stringify(seed), { mode: 0o600 });
}

function runInside({ namespace }: Machine, script: string, stdin = ""): Promise<CommandResult> {
  if (!namespace?.isAlive()) return Promise.resolve({ code: 255, stdout: "", stderr: "the machine is off" });
  const [program = "", ...args] = namespace.enter;
  return new Promise((resolve, reject) => {
    // Nothing of the host's: its TMPDIR, for one, is no folder in there.
    const child = spawn(program, [...args, "/bin/bash", "-c", script], {
      stdio: "pipe",
      env: sessionEnvironment,
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 255, stdout, stderr }));
  });
}
