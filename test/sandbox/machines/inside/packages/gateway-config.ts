/** The keys of openclaw.json that the stand-in knows, refused and typed as OpenClaw 2026.9.6 does. */
type Shape =
  | "string"
  | "number"
  | "boolean"
  | "any"
  | readonly string[]
  | { list: Shape }
  | { keys: Record<string, Shape> }
  | { map: Shape };

const secretOrText: Shape = "any";

const schema: Shape = {
  keys: {
    gateway: {
      keys: {
        mode: ["local", "remote"],
        port: "number",
        bind: ["auto", "lan", "loopback", "custom", "tailnet"],
        customBindHost: "string",
        publicOrigin: "string",
        auth: { keys: { mode: ["none", "token", "password", "trusted-proxy"], token: secretOrText } },
        trustedProxies: { list: "string" },
        controlUi: { keys: { enabled: "boolean", basePath: "string", allowedOrigins: { list: "string" } } },
        terminal: { keys: { enabled: "boolean" } },
        http: { keys: { endpoints: { keys: { chatCompletions: { keys: { enabled: "boolean" } } } } } },
      },
    },
    agents: {
      keys: {
        defaults: {
          keys: {
            workspace: "string",
            skipBootstrap: "boolean",
            model: { keys: { primary: "string", fallbacks: { list: "string" } } },
            models: "any",
            utilityModel: "string",
            heartbeat: { keys: { every: "string" } },
          },
        },
        entries: "any",
      },
    },
    models: {
      keys: {
        catalogRefresh: { keys: { enabled: "boolean" } },
        providers: {
          map: { keys: { baseUrl: "string", api: "string", apiKey: secretOrText, models: "any" } },
        },
      },
    },
    update: { keys: { checkOnStart: "boolean", auto: { keys: { enabled: "boolean" } } } },
    discovery: { keys: { mdns: { keys: { mode: ["off", "minimal", "full"] } } } },
    logging: { keys: { file: "string", level: "string" } },
    tools: { keys: { profile: "string", deny: { list: "string" }, allow: { list: "string" } } },
    channels: { map: "any" },
    commands: "any",
    secrets: "any",
    hooks: "any",
    meta: "any",
    env: "any",
  },
};

export type GatewayConfig = {
  gateway?: {
    mode?: string;
    port?: number;
    bind?: string;
    customBindHost?: string;
    auth?: { mode?: string; token?: string | { source: string; provider: string; id: string } };
    trustedProxies?: string[];
    controlUi?: { allowedOrigins?: string[] };
    http?: { endpoints?: { chatCompletions?: { enabled?: boolean } } };
  };
  agents?: { defaults?: { workspace?: string; model?: { primary?: string } } };
  tools?: { deny?: string[] };
};

/** @throws with every problem, worded as the real one does. */
export function parseGatewayConfig(text: string): GatewayConfig {
  const document: unknown = JSON.parse(text);
  const problems = findProblems(schema, document, "");
  if (problems.length > 0) throw new Error(`Config validation failed: ${problems.join("; ")}`);
  return document as GatewayConfig;
}

function findProblems(shape: Shape, value: unknown, path: string): string[] {
  const invalid = (expected: string) => [
    `${path || "config"}: Invalid input: expected ${expected}, received ${typeof value}`,
  ];
  if (shape === "any") return [];
  if (typeof shape === "string") return typeof value === shape ? [] : invalid(shape);
  if (isOptions(shape)) {
    const options = `${path}: Invalid option: expected one of ${shape.join("|")}`;
    return shape.includes(String(value)) ? [] : [options];
  }
  if ("keys" in shape || "map" in shape) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return invalid("object");
    return Object.entries(value).flatMap(([key, member]) => {
      const inner = "keys" in shape ? shape.keys[key] : shape.map;
      const at = path === "" ? key : `${path}.${key}`;
      return inner === undefined
        ? [`${path || "config"}: Unrecognized key: "${key}"`]
        : findProblems(inner, member, at);
    });
  }
  if (!Array.isArray(value)) return invalid("array");
  return value.flatMap((member, index) => findProblems(shape.list, member, `${path}[${index}]`));
}

function isOptions(shape: Shape): shape is readonly string[] {
  return Array.isArray(shape);
}
