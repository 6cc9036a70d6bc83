/**
 * What the product's remote scripts do to a machine, as far as anybody outside can tell. A command is known by its whole
 * text: what is not exactly one of the product's own scripts fails, as does one that comes before what it needs.
 */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { remoteScripts } from "../../../cloud-init/files.ts";
import { bashCommand, nodeCommand } from "../../../cloud-init/remote-command.ts";
import { restartCommands } from "../../../cloud-init/restart-commands.ts";
import { makeCertificateRequest } from "./certificate-request.ts";
import { fileScripts } from "./light-files.ts";
import {
  configurationSchema,
  failed,
  gatewayRuns,
  ok,
  type Disk,
  type LightMachine,
  type Script,
  type ScriptResult,
} from "./light-machine.ts";

const healthSchema = z.object({ phase: z.string(), address: z.string(), token: z.string() });
const requestSchema = z.object({ host: z.string(), domain: z.string().optional() });
const installSchema = z.object({ certificate: z.string() });

/** The script's own bound is 120 s; nothing here comes up that slowly. */
const addressWaitMs = 20_000;

/** The gateway's token as the environment file holds it. */
export function tokenOf(disk: Disk): string | undefined {
  const text = disk.configuration?.environment.content ?? "";
  return /^OPENCLAW_GATEWAY_TOKEN="([^"]+)"$/m.exec(text)?.[1];
}

const scripts = new Map<string, Script>([
  [bashCommand(remoteScripts.waitFirstBoot), waitFirstBoot],
  [nodeCommand(remoteScripts.tlsRequest), requestCertificate],
  [nodeCommand(remoteScripts.tlsInstall), installCertificate],
  [nodeCommand(remoteScripts.configure), configure],
  [nodeCommand(remoteScripts.health), checkHealth],
  [nodeCommand(remoteScripts.probe), probe],
  [restartCommands.everything, restart],
  [restartCommands.proxy, restart],
  ...fileScripts,
]);

export async function runRemoteCommand(
  machine: LightMachine,
  command: string,
  stdin: string,
  off: AbortSignal,
): Promise<ScriptResult> {
  const script = scripts.get(command);
  if (!script) return failed(127, `this machine knows no such script: ${command.slice(0, 80)}`);
  return await script(machine, stdin, off).catch((error: unknown) =>
    failed(1, error instanceof Error ? error.message : String(error)),
  );
}

async function waitFirstBoot({ disk }: LightMachine): Promise<ScriptResult> {
  return disk.bootedFor === undefined
    ? failed(1, "the first boot did not start (cloud-init status 1)")
    : ok("first boot finished\n");
}

async function requestCertificate({ disk }: LightMachine, stdin: string): Promise<ScriptResult> {
  const { host, domain } = requestSchema.parse(JSON.parse(stdin));
  const names = [host, domain ?? []].flat().join();
  if (disk.key === undefined || disk.request?.names !== names) {
    const made = await makeCertificateRequest([host, ...[domain ?? []].flat()], disk.key);
    disk.key = made.key;
    disk.request = { names, pem: made.request };
  }
  return ok(disk.request?.pem ?? "");
}

async function installCertificate({ disk }: LightMachine, stdin: string): Promise<ScriptResult> {
  const { certificate } = installSchema.parse(JSON.parse(stdin));
  const parsed = new X509Certificate(certificate);
  if (disk.key === undefined || !parsed.checkPrivateKey(createPrivateKey(disk.key)))
    return failed(1, "the certificate does not belong to this machine's key");
  disk.certificate = certificate;
  return ok(`certificate for ${parsed.subjectAltName ?? ""}\n`);
}

async function configure(machine: LightMachine, stdin: string, off: AbortSignal): Promise<ScriptResult> {
  const { disk, addresses } = machine;
  const wanted = configurationSchema.parse(JSON.parse(stdin));
  const deadline = Date.now() + addressWaitMs;
  while (wanted.phase === "running" && !addresses.has(wanted.privateIp)) {
    if (Date.now() > deadline) return failed(1, `the private address ${wanted.privateIp} did not appear`);
    await sleep(50, undefined, { signal: off });
  }
  if (disk.certificate === undefined) return failed(1, "configure: caddy has no certificate");
  disk.configuration = wanted;
  machine.stopped = false;
  return ok(wanted.phase === "suspended" ? "suspended\n" : `configured ${wanted.revision}\n`);
}

async function checkHealth(machine: LightMachine, stdin: string): Promise<ScriptResult> {
  const { disk, addresses } = machine;
  const asked = healthSchema.parse(JSON.parse(stdin));
  const { configuration } = disk;
  if (asked.phase === "suspended") {
    return configuration?.phase === "running"
      ? failed(1, "health: the gateway still runs although it is suspended")
      : ok("suspended\n");
  }
  if (configuration?.phase !== "running" || machine.stopped === true || !addresses.has(asked.address))
    return failed(1, "health: the gateway did not start (nothing listens)");
  if (asked.token !== tokenOf(disk))
    return failed(1, "health: the gateway answers 401 to the configured token");
  return ok(`started ${configuration.openclawVersion}\n`);
}

/** As a server of two processors, 4 GB and 40 GB that has little to do. */
async function probe(machine: LightMachine): Promise<ScriptResult> {
  const { configuration } = machine.disk;
  const runs = gatewayRuns(machine);
  const vitals = {
    gateway: runs
      ? {
          unit: "active",
          upSeconds: 3600,
          restarts: 0,
          answer: "started",
          version: configuration?.openclawVersion,
        }
      : { unit: "failed", upSeconds: null, restarts: 0, answer: "none", reason: "ECONNREFUSED" },
    proxy: { unit: "active", listens: true },
    disk: { totalMb: 38_000, freeMb: 33_000, inodes: 2_400_000, inodesFree: 2_300_000 },
    memory: { totalMb: 3800, availableMb: 2400, swapTotalMb: 2048, swapFreeMb: 2048 },
    load: { one: 0.1, fifteen: 0.1, cpus: 2 },
    uptimeSeconds: 7200,
    restartRequired: false,
  };
  return ok(`${JSON.stringify(vitals)}\n`);
}

async function restart(machine: LightMachine): Promise<ScriptResult> {
  const { disk } = machine;
  machine.stopped = false;
  if (disk.illness?.stubborn === false) delete disk.illness;
  return ok("openclaw and caddy restarted\n");
}
