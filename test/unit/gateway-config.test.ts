/**
 * Proves the gateway's configuration key by key, and that it holds no secret. Cannot prove that OpenClaw takes it: the
 * sandbox's gateway refuses unknown keys as the real one was seen to do, and its tests say so.
 */
import { describe, expect, it } from "vitest";
import { gatewayConfig, gatewayPort, machinePaths } from "../../cloud-init/gateway-config.ts";
import { parseGatewayConfig } from "../sandbox/machines/inside/packages/gateway-config.ts";

const settings = {
  host: "anna.claws.example",
  privateIp: "10.0.0.7",
  model: "anthropic/claude-sonnet-4-6",
  denyRuntimeTools: false,
};

describe("gatewayConfig", () => {
  it("is exactly this", () => {
    expect(gatewayConfig(settings)).toEqual({
      gateway: {
        mode: "local",
        port: 18_789,
        bind: "custom",
        customBindHost: "10.0.0.7",
        publicOrigin: "https://anna.claws.example",
        auth: { mode: "token", token: { source: "env", provider: "default", id: "OPENCLAW_GATEWAY_TOKEN" } },
        trustedProxies: ["127.0.0.1", "::1"],
        controlUi: { allowedOrigins: ["https://anna.claws.example"] },
        terminal: { enabled: false },
        http: { endpoints: { chatCompletions: { enabled: true } } },
      },
      agents: {
        defaults: {
          workspace: "/var/lib/openclaw/.openclaw/workspace",
          model: { primary: "anthropic/claude-sonnet-4-6" },
          heartbeat: { every: "0m" },
        },
      },
      models: { catalogRefresh: { enabled: false } },
      update: { checkOnStart: false, auto: { enabled: false } },
      discovery: { mdns: { mode: "off" } },
      logging: { file: "/var/lib/openclaw/.openclaw/logs/gateway.log" },
    });
  });

  it.each([
    [{}, undefined],
    [{ "AGENTS.md": "You are Ada's." }, true],
  ])("with the plan's files %j OpenClaw's own first conversation is skipped: %s", (workspace, skipped) => {
    const config = gatewayConfig({ ...settings, workspace });
    expect(config.agents.defaults.skipBootstrap).toBe(skipped);
    expect(() => parseGatewayConfig(JSON.stringify(config))).not.toThrow();
  });

  it("takes shell and files away from the agent when the plan says so, and only then", () => {
    expect(gatewayConfig({ ...settings, denyRuntimeTools: true })).toEqual({
      ...gatewayConfig(settings),
      tools: { deny: ["group:runtime", "group:fs"] },
    });
    expect(gatewayConfig(settings)).not.toHaveProperty("tools");
  });

  it.each([false, true])(
    "holds no key that the gateway does not know, denyRuntimeTools %s",
    (denyRuntimeTools) => {
      const text = JSON.stringify(gatewayConfig({ ...settings, denyRuntimeTools }));
      expect(() => parseGatewayConfig(text)).not.toThrow();
      expect(() => parseGatewayConfig(text.replace("trustedProxies", "trustedProxy"))).toThrow(
        "trustedProxy",
      );
    },
  );
});

describe("the places on a machine", () => {
  it("never change: running machines have them", () => {
    expect({ gatewayPort, ...machinePaths }).toEqual({
      gatewayPort: 18_789,
      node: "/opt/node/bin/node",
      openclaw: "/opt/openclaw",
      config: "/etc/openclaw/openclaw.json",
      environment: "/etc/openclaw/gateway.env",
      state: "/var/lib/openclaw",
      tls: "/etc/caddy/tls",
      firstBootDone: "/var/lib/clawfleet/first-boot.done",
    });
  });
});
