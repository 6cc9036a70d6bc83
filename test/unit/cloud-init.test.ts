/**
 * Proves what is put on a machine: user data within its limits, quoting that survives hostile text in real shells, files
 * as systemd and OpenClaw read them. That the scripts work is shown by running them (integration and e2e).
 */
import { execFileSync } from "node:child_process";
import { assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { configureDocument, healthDocument, type ConfigureInput } from "../../cloud-init/documents.ts";
import { remoteScripts } from "../../cloud-init/files.ts";
import { gatewayConfig } from "../../cloud-init/gateway-config.ts";
import { bashCommand, nodeCommand, quoteForShell } from "../../cloud-init/remote-command.ts";
import { maxUserDataBytes, renderUserData } from "../../cloud-init/user-data.ts";
import { readEnvironmentFile, splitWords } from "../sandbox/machines/inside/units.ts";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const input: ConfigureInput = {
  host: "bob.example.com",
  privateIp: "10.0.0.3",
  model: "anthropic/claude-sonnet-4-6",
  denyRuntimeTools: false,
  phase: "running",
  openclawVersion: "2026.9.6",
  memoryMb: 2048,
  gatewayToken: "t".repeat(64),
  environment: { ANTHROPIC_API_KEY: "key" },
};

describe("user data", () => {
  const userData = (change = {}) =>
    renderUserData({
      hostKeyPrivate: "PRIVATE\nKEY\n",
      hostKeyPublic: "ssh-ed25519 AAAA",
      openclawVersion: "2026.9.6",
      sshPort: 2222,
      ...change,
    });

  test("is a cloud-config that pins the host key, closes passwords and runs the first boot", () => {
    const text = userData();
    expect(text.startsWith("#cloud-config\n")).toBe(true);
    const document = parse(text);
    expect(document).toMatchObject({
      ssh_keys: { ed25519_private: "PRIVATE\nKEY\n", ed25519_public: "ssh-ed25519 AAAA" },
      ssh_pwauth: false,
    });
    expect(document.runcmd.at(-1)).toEqual([
      "/usr/local/lib/clawfleet/first-boot.sh",
      "24.21.0",
      "11.19.1",
      "2026.9.6",
    ]);
    const sshd = document.write_files.find((file: { path: string }) => file.path.includes("sshd_config.d"));
    expect(sshd.content).toMatch(/^Port 2222$/m);
    expect(sshd.content).not.toContain("AllowUsers");
  });

  test("lets nobody but the backend in over the private network, which no firewall filters", () => {
    const document = parse(userData({ sshFrom: "10.0.0.2" }));
    const sshd = document.write_files.find((file: { path: string }) => file.path.includes("sshd_config.d"));
    expect(sshd.content).toMatch(/^AllowUsers root@10\.0\.0\.2$/m);
  });

  test("is the same for every customer but for the host key", () => {
    expect(userData()).toBe(userData());
    expect(userData({ hostKeyPrivate: "other" })).not.toBe(userData());
  });

  test("stays well below what Hetzner takes, and refuses to be larger", () => {
    expect(Buffer.byteLength(userData())).toBeLessThan(maxUserDataBytes / 2);
    expect(() => userData({ hostKeyPrivate: "x".repeat(maxUserDataBytes) })).toThrow(/Hetzner takes 32768/);
  });
});

describe("command lines", () => {
  test("any text is one word for a real shell", () => {
    assert(
      property(
        string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
        (text) => {
          const echoed = execFileSync("/bin/sh", ["-c", `printf %s ${quoteForShell(text)}`], {
            encoding: "utf8",
          });
          expect(echoed).toBe(text);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("a bash script runs as bash and keeps its quotes", () => {
    const script = `set -euo pipefail\nx='it'"'"'s'; [[ $x == it* ]] && echo "$x" "\${BASH_VERSION:+bash}"`;
    expect(execFileSync("/bin/sh", ["-c", bashCommand(script)], { encoding: "utf8" })).toBe("it's bash\n");
  });

  test.each(["configure", "health", "tlsRequest", "tlsInstall"] as const)(
    "the Node script %s is passed whole, and parses",
    (name) => {
      const script = remoteScripts[name];
      const printed = nodeCommand(script).replace(
        "exec /opt/node/bin/node --input-type=module --eval",
        "printf %s",
      );
      expect(execFileSync("/bin/sh", ["-c", printed], { encoding: "utf8" })).toBe(script);
      const check = () =>
        execFileSync(process.execPath, ["--check", "--input-type=module", "-"], {
          input: script,
          stdio: "pipe",
        });
      expect(check).not.toThrow();
    },
  );
});

describe("files on the machine", () => {
  const files = (change: Partial<ConfigureInput> = {}) =>
    JSON.parse(configureDocument({ ...input, ...change }));

  test("the gateway's token and keys are only in the environment file, root's alone", () => {
    const { config, environment } = files();
    expect(environment).toMatchObject({ path: "/etc/openclaw/gateway.env", mode: "0600" });
    expect(config.content).not.toContain("t".repeat(64));
    expect(JSON.parse(config.content).gateway.auth.token).toEqual({
      source: "env",
      provider: "default",
      id: "OPENCLAW_GATEWAY_TOKEN",
    });
  });

  test("values of the environment survive systemd's own parsing, whatever they hold", () => {
    const folder = mkdtempSync(join(tmpdir(), "clawfleet-env-"));
    try {
      const nasty = 'a "quoted" $HOME `id` \\ back\\\\slash # hash; semi';
      const file = join(folder, "gateway.env");
      writeFileSync(file, files({ environment: { NASTY: nasty } }).environment.content);
      expect(readEnvironmentFile(file)["NASTY"]).toBe(nasty);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("a value with a line break is refused by its name, not by its value", () => {
    expect(() => configureDocument({ ...input, environment: { KEY: "a\nb" } })).toThrow(
      "the value of KEY holds a line break",
    );
  });

  test("limits follow the plan: reclaim at 80 %, heap at 75 %", () => {
    expect(files({ memoryMb: 4096 }).limits.content.split("\n")).toEqual([
      "[Service]",
      "MemoryHigh=3276M",
      "MemoryMax=4096M",
      "Environment=NODE_OPTIONS=--max-old-space-size=3072",
      "",
    ]);
  });

  test("the proxy serves the host with the machine's own certificate and no ACME", () => {
    const { content } = files().site;
    expect(content).toContain("https://bob.example.com {");
    expect(content).toContain("tls /etc/caddy/tls/certificate.pem /etc/caddy/tls/key.pem");
  });

  test("the revision follows from the content, and the health check from the revision", () => {
    expect(files().revision).toBe(files().revision);
    expect(files().revision).not.toBe(files({ model: "other/model" }).revision);
    expect(healthDocument(input, 1000)).not.toBe(healthDocument({ ...input, model: "other/model" }, 1000));
  });

  test("the gateway listens on the private address only, behind the proxy, and denies tools where the plan says so", () => {
    const config = gatewayConfig(input);
    expect(config.gateway).toMatchObject({
      bind: "custom",
      customBindHost: "10.0.0.3",
      publicOrigin: "https://bob.example.com",
      trustedProxies: ["127.0.0.1", "::1"],
    });
    expect(config).not.toHaveProperty("tools");
    expect(gatewayConfig({ ...input, denyRuntimeTools: true })).toHaveProperty("tools.deny", [
      "group:runtime",
      "group:fs",
    ]);
  });
});

test("the machines' own reader of quoted words agrees with systemd's rules", () => {
  expect(splitWords(`A=1 "B=two words" C='x y' D="q\\"q"`)).toEqual(["A=1", "B=two words", "C=x y", 'D=q"q']);
});
