/**
 * Proves what the remote scripts are given: every file of a machine with path, mode and content, values that survive a real
 * shell's and systemd's reading, and a revision that moves exactly when something did. Cannot prove what systemd, Caddy and
 * the gateway do with the files.
 */
import { spawnSync } from "node:child_process";
import { assert, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import {
  configureDocument,
  healthDocument,
  tlsInstallDocument,
  tlsRequestDocument,
  type ConfigureInput,
} from "../../cloud-init/documents.ts";
import { firstBootFiles, remoteScripts, siteTemplate } from "../../cloud-init/files.ts";
import { gatewayConfig, machinePaths } from "../../cloud-init/gateway-config.ts";
import { hostileTexts } from "../support/hostile-texts.ts";
import { machineInput } from "../support/machine-input.ts";

const input: ConfigureInput = {
  ...machineInput,
  gatewayToken: "gateway-token",
  environment: { TELEGRAM_BOT_TOKEN: "telegram:secret", ANTHROPIC_API_KEY: "sk-ant" },
};

type File = { path: string; content: string; mode: string; group?: string };
type Document = Record<
  "config" | "environment" | "secrets" | "limits" | "originPullCa" | "site" | "ports",
  File
> & {
  phase: string;
  privateIp: string;
  openclawVersion: string;
  revision: string;
};

function configured(change: Partial<ConfigureInput> = {}): Document {
  return JSON.parse(configureDocument({ ...input, ...change })) as Document;
}

describe("the document of configure", () => {
  it("holds every file with its place, its rights and its content", () => {
    const { revision, ...document } = configured();
    expect(revision).toMatch(/^[0-9a-f]{12}$/);
    expect(document).toEqual({
      phase: "running",
      privateIp: "10.0.0.7",
      openclawVersion: "2026.9.6",
      config: {
        path: "/etc/openclaw/openclaw.json",
        content: `${JSON.stringify(gatewayConfig({ ...input, channelTokens: ["TELEGRAM_BOT_TOKEN"] }), null, 2)}\n`,
        mode: "0640",
        group: "openclaw",
      },
      environment: {
        path: "/etc/openclaw/gateway.env",
        content: 'ANTHROPIC_API_KEY="sk-ant"\nOPENCLAW_GATEWAY_TOKEN="gateway-token"\n',
        mode: "0600",
      },
      secrets: {
        path: "/etc/openclaw/secrets.json",
        content: '{\n  "TELEGRAM_BOT_TOKEN": "telegram:secret"\n}\n',
        mode: "0600",
        group: "openclaw",
        owner: "openclaw",
      },
      limits: {
        path: "/etc/systemd/system/openclaw.service.d/limits.conf",
        content:
          "[Service]\nMemoryHigh=1638M\nMemoryMax=2048M\nTasksMax=512\nEnvironment=NODE_OPTIONS=--max-old-space-size=1536\n",
        mode: "0644",
      },
      originPullCa: { path: "/etc/caddy/origin-pull-ca-12ae32cb1ec0.pem", content: "", mode: "0644" },
      site: {
        path: "/etc/caddy/Caddyfile",
        content: siteTemplate
          .replace("{$ADDRESSES}", "https://anna.claws.example")
          .replace(/key\.pem \{[\s\S]*?\n\t\}\n/, "key.pem\n"),
        mode: "0644",
      },
      ports: { path: "/etc/clawfleet/ports.nft", content: "", mode: "0644" },
      workspace: {
        script: remoteScripts.seedWorkspace,
        folder: "/var/lib/openclaw/.openclaw/workspace",
        files: {},
      },
    });
  });

  it("serves and allows the customer's own domain beside the own name, and shows the domain", () => {
    const { site, config } = configured({ domain: "ai.firm.example" });
    expect(site.content).toContain("\nhttps://anna.claws.example, https://ai.firm.example {\n");
    const origins = ["https://anna.claws.example", "https://ai.firm.example"];
    expect(JSON.parse(config.content)).toMatchObject({
      gateway: { publicOrigin: origins[1], controlUi: { allowedOrigins: origins } },
    });
  });

  it("lets the proxy serve Cloudflare's certificate alone once its authority is known", () => {
    const originPullCa = "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n";
    const [open, shut] = [configured(), configured({ originPullCa })];
    expect(open.site.content).not.toContain("client_auth");
    expect(open.site.content).toContain(
      "\ttls /etc/caddy/tls/certificate.pem /etc/caddy/tls/key.pem\n\theader {\n",
    );
    expect(shut.site.content).toContain("mode require_and_verify\n");
    expect(shut.originPullCa.content).toBe(originPullCa);
    expect(shut.revision).not.toBe(open.revision);
  });

  it("opens the customer's own ports in the machine's wall", () => {
    const { ports } = configured({
      ports: [
        { protocol: "udp", port: "5000" },
        { protocol: "tcp", port: "6000-6010" },
      ],
    });
    expect(ports.content).toBe("udp dport 5000 accept\ntcp dport 6000-6010 accept\n");
  });

  it("puts every secret into one file of mode 0600 and nowhere else", () => {
    const { environment, secrets, ...others } = configured();
    for (const secret of ["gateway-token", "telegram:secret", "sk-ant"]) {
      const holders = [environment, secrets].filter(({ content }) => content.includes(secret));
      expect(holders.map(({ mode }) => mode)).toEqual(["0600"]);
      expect(JSON.stringify(others)).not.toContain(secret);
    }
  });

  it("lets no customer's value stand in for the gateway's token", () => {
    const { content } = configured({ environment: { OPENCLAW_GATEWAY_TOKEN: "guessed" } }).environment;
    expect(content).toBe('OPENCLAW_GATEWAY_TOKEN="gateway-token"\n');
  });

  it("does not depend on the order in which the environment was written", () => {
    const { TELEGRAM_BOT_TOKEN, ANTHROPIC_API_KEY } = input.environment;
    const environment = {
      ANTHROPIC_API_KEY: ANTHROPIC_API_KEY ?? "",
      TELEGRAM_BOT_TOKEN: TELEGRAM_BOT_TOKEN ?? "",
    };
    expect(configureDocument({ ...input, environment })).toBe(configureDocument(input));
  });

  it.each([
    [2048, 1638, 1536],
    [4096, 3276, 3072],
    [65_536, 52_428, 49_152],
  ])("with %i MB reclaims from %i MB on and gives Node %i MB", (memoryMb, high, heap) => {
    expect(configured({ memoryMb }).limits.content.split("\n").slice(1, 5)).toEqual([
      `MemoryHigh=${high}M`,
      `MemoryMax=${memoryMb}M`,
      "TasksMax=512",
      `Environment=NODE_OPTIONS=--max-old-space-size=${heap}`,
    ]);
  });
});

/** How systemd reads a value in double quotes (source: systemd.exec(5), EnvironmentFile=). */
function readAsSystemd(line: string): string {
  const quoted = /^[A-Z_]+="(.*)"$/s.exec(line)?.[1] ?? "(not in double quotes)";
  if (/(?<!\\)(?:\\\\)*"/.test(quoted)) return "(ends early)";
  return quoted.replaceAll(/\\(["\\`$])/g, "$1");
}

function environmentFileOf(values: readonly string[]): { text: string; names: string[] } {
  const names = values.map((_value, index) => `VALUE_${index}`);
  const environment = Object.fromEntries(values.map((value, index) => [`VALUE_${index}`, value]));
  return { text: configured({ environment }).environment.content, names };
}

describe("the environment file", () => {
  it("gives a real shell every hostile value back", () => {
    const { text, names } = environmentFileOf(hostileTexts);
    const script = `eval "$(cat)"; printf '%s\\0' ${names.map((name) => `"$${name}"`).join(" ")}`;
    const read = spawnSync("bash", ["--norc", "-uc", script], {
      input: text,
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
    });
    expect(read.stderr).toBe("");
    expect(read.stdout.split("\0").slice(0, -1)).toEqual(hostileTexts);
  });

  it("gives systemd any value without a line break back", () => {
    assert(
      property(string({ unit: "grapheme", maxLength: 40 }), (any) => {
        const value = any.replaceAll(/[\n\r\0]/g, "");
        const line = configured({ environment: { VALUE: value } }).environment.content.split("\n")[1] ?? "";
        expect(readAsSystemd(line)).toBe(value);
      }),
      { numRuns: 300, seed: 3 },
    );
  });

  it.each(hostileTexts)("gives systemd %j back", (value) => {
    const line = configured({ environment: { VALUE: value } }).environment.content.split("\n")[1] ?? "";
    expect(readAsSystemd(line)).toBe(value);
  });

  it.each(["a\nb", "a\n", "\r", "a\0b", "x\nLD_PRELOAD=/tmp/evil.so"])(
    "refuses %j, which would be another line, and names the variable but not the value",
    (value) => {
      expect(() => configureDocument({ ...input, environment: { API_KEY: value } })).toThrow(
        new RangeError("the value of API_KEY holds a line break"),
      );
      expect(() => configureDocument({ ...input, gatewayToken: value })).toThrow(
        new RangeError("the value of OPENCLAW_GATEWAY_TOKEN holds a line break"),
      );
    },
  );
});

describe("the revision", () => {
  it.each<[string, Partial<ConfigureInput>]>([
    ["host", { host: "bert.claws.example" }],
    ["domain", { domain: "ai.firm.example" }],
    ["privateIp", { privateIp: "10.0.0.8" }],
    ["memoryMb", { memoryMb: 4096 }],
    ["model", { model: "other/model" }],
    ["denyRuntimeTools", { denyRuntimeTools: true }],
    ["gatewayToken", { gatewayToken: "another" }],
    ["environment", { environment: {} }],
  ])("of the files moves with %s", (_name, change) => {
    expect(configured(change).revision).not.toBe(configured().revision);
  });

  it("of the files stays when nothing changed", () => {
    expect(configured({ ...input }).revision).toBe(configured().revision);
  });

  it.each<[string, Partial<ConfigureInput>]>([
    ["phase", { phase: "suspended" }],
    ["openclawVersion", { openclawVersion: "2026.10.1" }],
    ["model", { model: "other/model" }],
    ["environment", { environment: {} }],
  ])("makes health run again with %s", (_name, change) => {
    expect(healthDocument({ ...input, ...change }, 1000)).not.toBe(healthDocument(input, 1000));
  });
});

describe("the document of health", () => {
  it("says where the gateway listens, what opens it and how long to wait", () => {
    expect(JSON.parse(healthDocument(input, 180_000))).toEqual({
      phase: "running",
      address: "10.0.0.7",
      port: 18_789,
      token: "gateway-token",
      timeoutMs: 180_000,
      revision: expect.stringMatching(/^[0-9a-f]{12}$/) as unknown,
    });
  });

  it("holds none of the customer's own secrets", () => {
    expect(healthDocument(input, 1000)).not.toContain("sk-ant");
    expect(healthDocument(input, 1000)).not.toContain("telegram");
  });
});

describe("the documents of the certificate", () => {
  it("name the host, and the folder on the machine for both", () => {
    expect(JSON.parse(tlsRequestDocument("anna.claws.example"))).toEqual({
      host: "anna.claws.example",
      folder: "/etc/caddy/tls",
    });
    expect(JSON.parse(tlsRequestDocument("anna.claws.example", "ai.firm.example"))).toMatchObject({
      host: "anna.claws.example",
      domain: "ai.firm.example",
    });
    const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    expect(JSON.parse(tlsInstallDocument(certificate))).toEqual({ certificate, folder: "/etc/caddy/tls" });
  });
});

describe("the unit of the first boot", () => {
  it.each([
    ["its environment", `EnvironmentFile=${machinePaths.environment}\n`],
    ["its configuration", `OPENCLAW_CONFIG_PATH=${machinePaths.config}\n`],
    ["its state", `OPENCLAW_STATE_DIR=${machinePaths.state}/.openclaw `],
    ["Node", `ExecStart=${machinePaths.node} ${machinePaths.openclaw}/current/`],
    ["nothing before it is configured", `ConditionPathExists=${machinePaths.config}\n`],
  ])("finds %s where the documents put it", (_what, line) => {
    expect(firstBootFiles.unit).toContain(line);
  });
});
