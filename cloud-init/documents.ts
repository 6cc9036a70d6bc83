/** What the remote scripts read from standard input, and the files that they leave on a machine. Pure. */
import { createHash } from "node:crypto";
import { secretsFile, splitKeys } from "./channels.ts";
import { remoteScripts, siteTemplate } from "./files.ts";
import { gatewayConfig, gatewayPort, machinePaths, namesOf, type GatewaySettings } from "./gateway-config.ts";

export type ConfigureInput = GatewaySettings & {
  phase: "running" | "suspended";
  openclawVersion: string;
  /** Limit of the gateway's unit, MB. */
  memoryMb: number;
  /** Most processes and threads of the gateway's unit. */
  tasks: number;
  gatewayToken: string;
  /** The customer's own keys: of models, into the gateway's environment; of channels, into a file of its own. */
  environment: Readonly<Record<string, string>>;
  /** PEM of who signs the certificate that Cloudflare shows; absent: every client of 443 is served. */
  originPullCa?: string;
  /** Ports beside 443 that Hetzner's firewall lets through for this customer, e.g. `5000` or `5000-5010`. */
  ports: readonly { protocol: "tcp" | "udp"; port: string }[];
};

type MachineFile = { path: string; content: string; mode: string; group?: string; owner?: string };

/** Input of configure.mjs, as JSON. Holds secrets. */
export function configureDocument(input: ConfigureInput): string {
  const keys = splitKeys(input.environment);
  const config = gatewayConfig({ ...input, channelTokens: Object.keys(keys.channels) });
  const files = {
    config: {
      path: machinePaths.config,
      content: `${JSON.stringify(config, null, 2)}\n`,
      mode: "0640",
      group: "openclaw",
    },
    environment: {
      path: machinePaths.environment,
      content: environmentFile({ ...input, ...keys }),
      mode: "0600",
    },
    secrets: {
      path: secretsFile,
      content: `${JSON.stringify(keys.channels, null, 2)}\n`,
      mode: "0600",
      group: "openclaw",
      owner: "openclaw",
    },
    limits: {
      path: "/etc/systemd/system/openclaw.service.d/limits.conf",
      content: limitsFile(input),
      mode: "0644",
    },
    originPullCa: { path: authorityPath(input), content: input.originPullCa ?? "", mode: "0644" },
    site: { path: "/etc/caddy/Caddyfile", content: siteFile(input), mode: "0644" },
    ports: { path: "/etc/clawfleet/ports.nft", content: portsFile(input.ports), mode: "0644" },
  } satisfies Record<string, MachineFile>;
  const { phase, privateIp, openclawVersion } = input;
  const workspace = {
    script: remoteScripts.seedWorkspace,
    folder: `${machinePaths.state}/.openclaw/workspace`,
    files: input.workspace ?? {},
  };
  const revision = revisionOf({ files, workspace });
  return JSON.stringify({ phase, privateIp, openclawVersion, ...files, workspace, revision });
}

/** Input of health.mjs, as JSON. The revision makes it run again whenever the configuration did. Holds a secret. */
export function healthDocument(input: ConfigureInput, timeoutMs: number): string {
  return JSON.stringify({
    phase: input.phase,
    address: input.privateIp,
    port: gatewayPort,
    token: input.gatewayToken,
    timeoutMs,
    revision: createHash("sha256").update(configureDocument(input)).digest("hex").slice(0, 12),
  });
}

export function tlsRequestDocument(host: string, domain?: string): string {
  return JSON.stringify({ host, domain, folder: machinePaths.tls });
}

export function tlsInstallDocument(certificate: string): string {
  return JSON.stringify({ certificate, folder: machinePaths.tls });
}

function environmentFile({ gatewayToken, environment }: ConfigureInput): string {
  const all = { ...environment, OPENCLAW_GATEWAY_TOKEN: gatewayToken };
  const lines = Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return lines.map(([name, value]) => `${name}=${quoteForSystemd(name, value)}\n`).join("");
}

/** systemd's EnvironmentFile: in double quotes, with backslash, quote, backtick and dollar escaped. */
function quoteForSystemd(name: string, value: string): string {
  if (/[\n\r\0]/.test(value)) throw new RangeError(`the value of ${name} holds a line break`);
  return `"${value.replaceAll(/["\\`$]/g, "\\$&")}"`;
}

/** Reclaims before it kills: the high mark is at 80 % of the limit, as measured. Node gets three quarters as heap. */
function limitsFile({ memoryMb, tasks }: ConfigureInput): string {
  const heapMb = Math.floor(memoryMb * 0.75);
  return [
    "[Service]",
    `MemoryHigh=${Math.floor(memoryMb * 0.8)}M`,
    `MemoryMax=${memoryMb}M`,
    `TasksMax=${tasks}`,
    `Environment=NODE_OPTIONS=--max-old-space-size=${heapMb}`,
    "",
  ].join("\n");
}

/** Named by its content: another authority is another site file, which is checked with it and put after it. */
function authorityPath({ originPullCa = "" }: ConfigureInput): string {
  return `/etc/caddy/origin-pull-ca-${revisionOf(originPullCa)}.pem`;
}

function siteFile(input: ConfigureInput): string {
  const addresses = namesOf(input)
    .map((name) => `https://${name}`)
    .join(", ");
  const site = siteTemplate
    .replaceAll("{$ADDRESSES}", addresses)
    .replaceAll("{$ORIGIN_PULL_CA}", authorityPath(input));
  if (input.originPullCa !== undefined) return site;
  return site.replace(/ \{\n\t\tclient_auth \{[^}]*\}\n\t\}/, "");
}

/** Rules of the machine's own wall, included there. */
function portsFile(ports: ConfigureInput["ports"]): string {
  return ports.map(({ protocol, port }) => `${protocol} dport ${port} accept\n`).join("");
}

function revisionOf(content: unknown): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 12);
}
