/**
 * Proves with the real script on a machine of namespaces that configuring is repeatable, survives being cut off at every step,
 * refuses what would not run before anything has changed, and suspends whatever the customer's agent has done to its folders.
 * systemd, gateway and proxy are stand-ins here: `make lab` does the same with the real ones.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { configureDocument, healthDocument, type ConfigureInput } from "../../cloud-init/documents.ts";
import { remoteScripts } from "../../cloud-init/files.ts";
import { nodeCommand } from "../../cloud-init/remote-command.ts";
import { renderUserData } from "../../cloud-init/user-data.ts";
import { createSshKeyPair } from "../../reconciler/ssh-key.ts";
import { machinePorts } from "../sandbox/machines/driver.ts";
import { createMachines, type Machines } from "../sandbox/machines/machines.ts";
import { checkNamespaces } from "../sandbox/machines/namespace.ts";
import { machineInput } from "../support/machine-input.ts";

const check = await checkNamespaces();
if (!check.usable) process.stderr.write(`skipped: ${check.reason}; ${check.remedy}\n`);

const id = 1;
const otherIp = "10.0.0.10";
const input: ConfigureInput = {
  ...machineInput,
  workspace: { "AGENTS.md": "be kind" },
  environment: { ANTHROPIC_API_KEY: "sk-old" },
};
const workspace = "/var/lib/openclaw/.openclaw/workspace";
const makeTls =
  "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=amy -days 2 -keyout /etc/caddy/tls/key.pem -out /etc/caddy/tls/certificate.pem";
let machines: Machines;

/** `before`: shell that runs ahead of the script, in the same session. */
const configure = (change: Partial<ConfigureInput> = {}, before = ":") =>
  machines.run(
    id,
    `${before}; ${nodeCommand(remoteScripts.configure)}`,
    configureDocument({ ...input, ...change }),
  );

async function inside(script: string): Promise<string> {
  const { code, stdout, stderr } = await machines.run(id, script);
  if (code !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout.trim();
}

const gatewayPid = () => inside("systemctl show --property MainPID --value openclaw.service");
/** What the process that runs now was given. */
const runningKey = async () =>
  /^ANTHROPIC_API_KEY=(.*)$/m.exec(await inside(`tr '\\0' '\\n' </proc/${await gatewayPid()}/environ`))?.[1];

/** A systemctl that fails for these words, as when the session was cut off there. */
const without = (words: string) =>
  [
    "mkdir -p /tmp/cut",
    `printf '#!/bin/bash\\n[[ "$*" == *"${words}"* ]] && exit 9\\nexec /usr/bin/systemctl "$@"\\n' >/tmp/cut/systemctl`,
    "chmod +x /tmp/cut/systemctl",
    "export PATH=/tmp/cut:$PATH",
  ].join("; ");

describe.skipIf(!check.usable)("configuring", () => {
  beforeAll(async () => {
    machines = await createMachines();
    const host = createSshKeyPair("test");
    const keys = { hostKeyPrivate: host.private, hostKeyPublic: host.public };
    const userData = renderUserData({ ...keys, openclawVersion: "2026.9.6", sshPort: machinePorts.ssh });
    const address = `127.251.${process.pid % 250}.1`;
    await machines.create({ id, name: "amy", address, userData, authorizedKeys: [], memoryGb: 4 });
    await machines.booted(id);
    for (const ip of [input.privateIp, otherIp]) await machines.attachNetwork(id, ip);
    await inside(`mkdir -p /etc/caddy/tls && ${makeTls} && chown -R caddy: /etc/caddy/tls`);
  }, 120_000);
  afterAll(() => machines?.close());
  beforeEach(async () => {
    await inside(`rm -rf ${workspace} /var/lib/clawfleet/workspace.json /tmp/cut`);
    const { code, stderr } = await configure();
    if (code !== 0) throw new Error(stderr);
  });

  test("the same again changes nothing and restarts nothing", async () => {
    const before = await gatewayPid();
    expect((await configure()).stdout).toMatch(/still running\n$/);
    expect(await gatewayPid()).toBe(before);
  });

  test.each(["restart openclaw", "daemon-reload", "enable openclaw"])(
    "cut off at '%s': the next run gives the process what is in the files",
    async (words) => {
      const change = { environment: { ANTHROPIC_API_KEY: `sk-new-${words.length}` }, memoryMb: 3072 };
      expect((await configure(change, without(words))).code).toBe(1);
      expect((await configure(change)).stdout).toMatch(/restarted\n$/);
      expect(await runningKey()).toBe(change.environment.ANTHROPIC_API_KEY);
      expect((await configure(change)).stdout).toMatch(/still running\n$/);
    },
  );

  test("a note of pending steps that cannot be read means all of them", async () => {
    await inside("echo '{' >/etc/clawfleet/pending.json");
    expect((await configure()).stdout).toMatch(/restarted\n$/);
    expect((await configure()).stdout).toMatch(/still running\n$/);
  });

  test("what others may read by mistake is closed again", async () => {
    await inside("chmod 0644 /etc/openclaw/gateway.env; chown openclaw /etc/openclaw/openclaw.json");
    expect((await configure()).code).toBe(0);
    expect(await inside("stat -c '%U %a' /etc/openclaw/gateway.env /etc/openclaw/openclaw.json")).toBe(
      "root 600\nroot 640",
    );
  });

  test("a site that the proxy refuses leaves every file as it was", async () => {
    const look = "cat /etc/caddy/Caddyfile /etc/openclaw/openclaw.json /etc/openclaw/gateway.env";
    const before = await inside(look);
    const broken = await configure({
      host: `${input.host} {\n\tno_such_directive\n}\nhttps://bob`,
      environment: { ANTHROPIC_API_KEY: "sk-other" },
    });
    expect(broken.code).toBe(1);
    expect(broken.stderr).toMatch(/^configure: /);
    expect(await inside(look)).toBe(before);
  });

  test("another address: the gateway is stopped, not reloaded, and listens there", async () => {
    const before = await gatewayPid();
    expect((await configure({ privateIp: otherIp })).stdout).toMatch(/restarted\n$/);
    expect(await gatewayPid()).not.toBe(before);
    const asked = healthDocument({ ...input, privateIp: otherIp }, 20_000);
    expect(await machines.run(id, nodeCommand(remoteScripts.health), asked)).toMatchObject({
      code: 0,
      stdout: "started 2026.9.6\n",
    });
  });

  test("an authority for origin pulls that could not be brought into force is brought by the next run", async () => {
    const originPullCa = await inside("cat /etc/caddy/tls/certificate.pem");
    expect((await configure({ originPullCa }, without("caddy.service"))).code).toBe(1);
    expect((await configure({ originPullCa })).code).toBe(0);
    const named = await inside("grep -o '/etc/caddy/origin-pull-ca-.*pem' /etc/caddy/Caddyfile");
    expect(await inside("ls /etc/caddy/origin-pull-ca-*")).toBe(named);
    expect(await inside(`cat ${named}`)).toBe(originPullCa);
  });

  describe.each([
    ["a file in the place of its workspace", `rm -rf ${workspace}; touch ${workspace}`],
    ["a pipe in the place of a seeded file", `rm ${workspace}/AGENTS.md; mkfifo ${workspace}/AGENTS.md`],
    ["a folder that nobody may write", `rm -rf ${workspace}; mkdir ${workspace}; chmod 0 ${workspace}`],
  ])("after the agent made %s", (_what, sabotage) => {
    beforeEach(async () => {
      await inside(`runuser -u openclaw -- bash -c '${sabotage}'`);
    });

    test("the configuration still comes", async () => {
      const change = {
        environment: { ANTHROPIC_API_KEY: "sk-through" },
        workspace: { "AGENTS.md": "be kinder" },
      };
      expect((await configure(change)).code).toBe(0);
      expect(await inside("cat /etc/openclaw/gateway.env")).toContain("sk-through");
    });

    test("suspending still stops it, and takes the keys that were taken away", async () => {
      expect(await configure({ phase: "suspended", environment: {} })).toMatchObject({
        code: 0,
        stdout: "suspended\n",
      });
      expect(await inside("systemctl is-active openclaw.service caddy.service || true")).not.toMatch(
        /^active/m,
      );
      expect(await inside("cat /etc/openclaw/gateway.env")).not.toContain("sk-old");
    });
  });
});
