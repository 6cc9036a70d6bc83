/** What a machine without processes is, and what a command on it comes to. */
import { z } from "zod";

/** What survives a power cut. */
export type Disk = {
  /** OpenSSH private key of the machine; empty when the user data had none. */
  hostKey: string;
  /** Id of the server whose first boot ran. */
  bootedFor: number | undefined;
  key: string | undefined;
  request: { names: string; pem: string } | undefined;
  certificate: string | undefined;
  configuration: Configuration | undefined;
  /** The customer's. */
  files: string;
  /** How much it says that these take. Default: some GB. */
  usedBytes?: number;
  /** What is wrong with its gateway; `restart` mends it unless it is stubborn. */
  illness?: { stubborn: boolean };
};

/** `stopped`: its gateway, by a person or a script, until the next boot. */
export type LightMachine = { disk: Disk; addresses: Set<string>; stopped?: boolean };

export type ScriptResult = { code: number; stdout: string; stderr: string };
export type Script = (machine: LightMachine, stdin: string, off: AbortSignal) => Promise<ScriptResult>;

const file = z.object({ content: z.string() });
export const configurationSchema = z.object({
  phase: z.enum(["running", "suspended"]),
  privateIp: z.string(),
  openclawVersion: z.string(),
  environment: file,
  revision: z.string(),
});
export type Configuration = z.infer<typeof configurationSchema>;

export function blankDisk(hostKey: string): Disk {
  return {
    hostKey,
    bootedFor: undefined,
    key: undefined,
    request: undefined,
    certificate: undefined,
    configuration: undefined,
    files: "",
  };
}

export function gatewayRuns({ disk, stopped }: LightMachine): boolean {
  return disk.configuration?.phase === "running" && disk.illness === undefined && stopped !== true;
}

export const ok = (stdout: string): ScriptResult => ({ code: 0, stdout, stderr: "" });
export const failed = (code: number, stderr: string): ScriptResult => ({
  code,
  stdout: "",
  stderr: `${stderr}\n`,
});
