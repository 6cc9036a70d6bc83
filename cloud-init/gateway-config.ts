/** The gateway's configuration file, as OpenClaw 2026.9.6 validates it (unknown keys are refused). Pure. */

import { channelConfig } from "./channels.ts";

/** The gateway's port, bound to loopback and to the private address; OpenClaw's default. */
export const gatewayPort = 18_789;

export const machinePaths = {
  node: "/opt/node/bin/node",
  openclaw: "/opt/openclaw",
  config: "/etc/openclaw/openclaw.json",
  environment: "/etc/openclaw/gateway.env",
  state: "/var/lib/openclaw",
  tls: "/etc/caddy/tls",
  firstBootDone: "/var/lib/clawfleet/first-boot.done",
} as const;

export type GatewaySettings = {
  /** Public name, `<slug>.<zone>`. */
  host: string;
  /** The customer's own domain, beside the public name and shown in its place. */
  domain?: string;
  privateIp: string;
  model: string;
  /** Takes shell and file tools away from the agent. */
  denyRuntimeTools: boolean;
  /** Names of the channel tokens that the customer has given, e.g. TELEGRAM_BOT_TOKEN. */
  channelTokens?: readonly string[];
  /** Files of the workspace by path: put there once, and left alone once the customer has changed them. */
  workspace?: Readonly<Record<string, string>>;
};

/** Every public name, the one that is shown last. */
export function namesOf({ host, domain }: Pick<GatewaySettings, "host" | "domain">): string[] {
  return domain === undefined ? [host] : [host, domain];
}

/** The token is named, not held: it comes from the environment file, and a missing one stops the start. */
export function gatewayConfig(settings: GatewaySettings) {
  const origins = namesOf(settings).map((name) => `https://${name}`);
  return {
    gateway: {
      mode: "local",
      port: gatewayPort,
      bind: "custom",
      customBindHost: settings.privateIp,
      publicOrigin: origins.at(-1),
      auth: { mode: "token", token: { source: "env", provider: "default", id: "OPENCLAW_GATEWAY_TOKEN" } },
      trustedProxies: ["127.0.0.1", "::1"],
      controlUi: { allowedOrigins: origins },
      terminal: { enabled: false },
      http: { endpoints: { chatCompletions: { enabled: true } } },
    },
    agents: {
      defaults: {
        workspace: `${machinePaths.state}/.openclaw/workspace`,
        model: { primary: settings.model },
        heartbeat: { every: "0m" },
        // OpenClaw's own first conversation asks who it is to be; a plan that brings files has said so.
        ...(Object.keys(settings.workspace ?? {}).length > 0 ? { skipBootstrap: true } : {}),
      },
    },
    models: { catalogRefresh: { enabled: false } },
    update: { checkOnStart: false, auto: { enabled: false } },
    discovery: { mdns: { mode: "off" } },
    ...channelConfig(settings.channelTokens ?? []),
    logging: { file: `${machinePaths.state}/.openclaw/logs/gateway.log` },
    ...(settings.denyRuntimeTools ? { tools: { deny: ["group:runtime", "group:fs"] } } : {}),
  };
}
