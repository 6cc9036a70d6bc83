/** Machines that answer every command over SSH at once and run none: for what is about the way to them, and for benches. */
import { webcrypto } from "node:crypto";
// x509 resolves its parts through it and refuses to load without.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import ssh2, { type ServerChannel } from "ssh2";
import { parseUserData } from "../sandbox/machines/cloud-config.ts";
import { machinePorts, type MachineDriver, type MachineSpec } from "../sandbox/machines/driver.ts";

type Machine = { spec: MachineSpec; server: ssh2.Server | undefined };

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export async function createQuietMachines(): Promise<MachineDriver> {
  const request = await createRequest();
  const machines = new Map<number, Machine>();

  async function start(id: number): Promise<void> {
    const machine = machines.get(id);
    if (machine && !machine.server) machine.server = await listen(machine.spec, request);
  }
  function stop(id: number): Promise<void> {
    const machine = machines.get(id);
    const server = machine?.server;
    if (!machine || !server) return Promise.resolve();
    machine.server = undefined;
    return new Promise((resolve) => server.close(() => resolve()));
  }
  const nothing = () => Promise.resolve();

  return {
    async create(spec) {
      machines.set(spec.id, { spec, server: undefined });
      await start(spec.id);
    },
    powerOn: start,
    powerOff: stop,
    shutdown: stop,
    async reboot(id) {
      await stop(id);
      await start(id);
    },
    async rebuild(id) {
      await stop(id);
      await start(id);
    },
    attachNetwork: nothing,
    detachNetwork: nothing,
    snapshot: nothing,
    deleteSnapshot: nothing,
    async destroy(id) {
      await stop(id);
      machines.delete(id);
    },
    isRunning: (id) => machines.get(id)?.server !== undefined,
    async close() {
      await Promise.all([...machines.keys()].map(stop));
      machines.clear();
    },
  };
}

/** With the host key that the user data brought, so that who pins it is satisfied. */
async function listen(spec: MachineSpec, request: string): Promise<ssh2.Server> {
  const hostKey = parseUserData(spec.userData).sshKeys["ed25519_private"];
  if (hostKey === undefined) throw new Error(`the user data of ${spec.name} brings no host key`);
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
    connection.on("error", () => undefined);
    connection.on("authentication", (context) => context.accept());
    connection.on("session", (accept) => {
      accept().on("exec", (acceptExec) => answer(acceptExec(), request));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(machinePorts.ssh, spec.address, resolve);
  });
  return server;
}

/** A certificate request for whoever asks for one (`tlsRequestDocument`), else what a healthy gateway says. */
function answer(channel: ServerChannel, request: string): void {
  let stdin = "";
  channel.on("error", () => undefined);
  channel.on("data", (chunk: Buffer) => void (stdin += chunk.toString()));
  channel.on("end", () => {
    const wantsRequest = stdin.includes('"folder"') && !stdin.includes('"certificate"');
    channel.write(wantsRequest ? request : "started 2026.9.6\n");
    channel.exit(0);
    channel.end();
  });
}

async function createRequest(): Promise<string> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=quiet",
    keys,
    signingAlgorithm: algorithm,
  });
  return request.toString("pem");
}
