/** The remote commands of an instance, in the order in which they have to run on its machine. */
import { Command } from "@pulumi/command/remote/command.js";
import type { types } from "@pulumi/command";
import { OriginCaCertificate } from "@pulumi/cloudflare/originCaCertificate.js";
import * as pulumi from "@pulumi/pulumi";
import {
  configureDocument,
  healthDocument,
  tlsInstallDocument,
  tlsRequestDocument,
  type ConfigureInput,
} from "../cloud-init/documents.ts";
import { remoteScripts } from "../cloud-init/files.ts";
import { bashCommand, nodeCommand } from "../cloud-init/remote-command.ts";

export type MachineCommandsArgs = {
  /** Where SSH goes, with the pinned host key. */
  connection: types.input.remote.ConnectionArgs;
  /** A new server runs everything again, even under the same address. */
  serverId: pulumi.Input<string>;
  host: string;
  /** The customer's own, beside it. */
  domain?: string;
  /** Everything that the machine is configured with. Secret. */
  configuration: pulumi.Input<ConfigureInput>;
  /** How long the gateway may take to answer after a start, ms. */
  healthTimeoutMs: number;
};

export type MachineCommands = { health: pulumi.Output<string> };

/** Cloudflare's longest validity, days (source: Cloudflare API, Origin CA). */
const certificateDays = 5475;

export function createMachineCommands(
  args: MachineCommandsArgs,
  opts: { parent: pulumi.Resource; dependsOn: pulumi.Resource[] },
): MachineCommands {
  const secretDocument = (make: (input: ConfigureInput) => string) =>
    pulumi.secret(pulumi.output(args.configuration).apply(make));
  const common = {
    connection: args.connection,
    triggers: [args.serverId],
    // sshd takes no such variables, and the provider would warn at each change.
    addPreviousOutputInEnv: false,
  };
  // No command has a delete script: deleting must not need a machine that is still alive.
  const after = (...resources: pulumi.Resource[]) => ({ parent: opts.parent, dependsOn: resources });

  const firstBoot = new Command(
    "first-boot",
    { ...common, create: bashCommand(remoteScripts.waitFirstBoot) },
    opts,
  );
  const tlsRequest = new Command(
    "tls-request",
    {
      ...common,
      create: nodeCommand(remoteScripts.tlsRequest),
      stdin: tlsRequestDocument(args.host, args.domain),
      logging: "stderr",
    },
    after(firstBoot),
  );
  const certificate = new OriginCaCertificate(
    "tls-certificate",
    {
      csr: tlsRequest.stdout,
      hostnames: [args.host, ...(args.domain === undefined ? [] : [args.domain])],
      requestType: "origin-ecc",
      requestedValidity: certificateDays,
    },
    { parent: opts.parent },
  );
  const tlsInstall = new Command(
    "tls-install",
    {
      ...common,
      create: nodeCommand(remoteScripts.tlsInstall),
      stdin: certificate.certificate.apply(tlsInstallDocument),
    },
    after(firstBoot),
  );
  const configure = new Command(
    "configure",
    {
      ...common,
      create: nodeCommand(remoteScripts.configure),
      stdin: secretDocument(configureDocument),
      logging: "stderr",
    },
    after(tlsInstall),
  );
  const health = new Command(
    "health",
    {
      ...common,
      create: nodeCommand(remoteScripts.health),
      stdin: secretDocument((input) => healthDocument(input, args.healthTimeoutMs)),
      logging: "stderr",
    },
    after(configure),
  );
  return { health: health.stdout };
}
