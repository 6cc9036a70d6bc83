/**
 * Proves that a simulated server behaves as scripts and SSH clients would find a real one: first boot from user data,
 * host key, units, power, disks; and that a broken script breaks the install. It cannot prove anything about a real Ubuntu.
 */
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { createSshKeyPair } from "../../reconciler/ssh-key.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { remoteScripts } from "../../cloud-init/files.ts";
import { renderUserData } from "../../cloud-init/user-data.ts";
import { createMachines, type Machines } from "../sandbox/machines/machines.ts";
import { machinePorts, type MachineSpec } from "../sandbox/machines/driver.ts";
import { checkNamespaces } from "../sandbox/machines/namespace.ts";
import { runOverSsh } from "../sandbox/providers/command/ssh.ts";
import { eventually } from "../support/poll.ts";

const check = await checkNamespaces();
if (!check.usable) process.stderr.write(`skipped: ${check.reason}; ${check.remedy}\n`);

const hostKey = createSshKeyPair("test");
const backend = createSshKeyPair("test");
const stranger = createSshKeyPair("test");

let lastId = 100;
let machines: Machines;

function spec(userData: string, more: Partial<MachineSpec> = {}): MachineSpec {
  lastId += 1;
  return {
    id: lastId,
    name: `m${lastId}`,
    address: `127.250.${process.pid % 250}.${lastId % 250}`,
    userData,
    authorizedKeys: [backend.public],
    memoryGb: 4,
    ...more,
  };
}

const cloudConfig = (lines: string) => `#cloud-config\n${lines}`;
const clawfleetUserData = (change: (text: string) => string = (text) => text) =>
  change(
    renderUserData({
      hostKeyPrivate: hostKey.private,
      hostKeyPublic: hostKey.public,
      openclawVersion: "2026.9.6",
      sshPort: machinePorts.ssh,
    }),
  );

async function create(made: MachineSpec): Promise<number> {
  await machines.create(made);
  await machines.booted(made.id);
  return made.id;
}

const output = async (id: number, script: string) => (await machines.run(id, script)).stdout.trim();

function ssh(address: string, key: string, pinned: string) {
  return runOverSsh({
    connection: {
      host: address,
      port: machinePorts.ssh,
      privateKey: key,
      hostKey: pinned,
      dialErrorLimit: 1,
      perDialTimeout: 5,
    },
    command: 'read -r line; echo "$line from $(hostname)"; exit 3',
    stdin: "hello\n",
    environment: {},
    onOutput: () => undefined,
    timeScale: 0.1,
  });
}

describe.skipIf(!check.usable)("a machine", () => {
  beforeAll(async () => {
    machines = await createMachines();
  });
  afterAll(() => machines?.close());

  test("runs Clawfleet's own first boot to its end", async () => {
    const id = await create(spec(clawfleetUserData()));
    expect(await output(id, "cat /var/lib/clawfleet/first-boot.done")).toBe("2026.9.6");
    expect(await output(id, "/opt/node/bin/node --version")).toMatch(/^v24\./);
    expect(await output(id, "readlink /opt/openclaw/current")).toBe("/opt/openclaw/2026.9.6");
    expect(await output(id, "stat -c '%U %a' /var/lib/openclaw")).toBe("openclaw 700");
  });

  test.each([
    ["a misspelt package", (text: string) => text.replace(/^( +)caddy$/m, "$1cady")],
    ["a user that is not made", (text: string) => text.replaceAll("useradd", "useradd-not-there")],
    ["a release that does not exist", (text: string) => text.replaceAll("2026.9.6", "latest")],
  ])("%s breaks the install, and the log says so", async (_name, change) => {
    const id = await create(spec(clawfleetUserData(change)));
    expect(await output(id, "ls /var/lib/clawfleet/first-boot.done 2>/dev/null")).toBe("");
    const log = await output(id, "tail -n 8 /var/log/cloud-init-output.log");
    expect(log).toMatch(/E: Unable to locate package cady|not-there: command not found|ETARGET/);
  });

  test.each([
    [2, true],
    [3, false],
  ])("a registry that fails %d times in a row: first boot done is %s", async (failures, done) => {
    const outage = `bootcmd:\n  - echo ${failures} > /run/registry-outage\nruncmd:`;
    const id = await create(spec(clawfleetUserData((text) => text.replace("runcmd:", outage))));
    const marker = await output(id, "ls /var/lib/clawfleet/first-boot.done 2>/dev/null");
    expect(marker !== "").toBe(done);
    const waited = await machines.run(id, remoteScripts.waitFirstBoot);
    expect(waited).toEqual({ code: 0, stdout: "first boot finished, openclaw 2026.9.6\n", stderr: "" });
  });

  test("takes the backend's key on the pinned host key, and nobody else", async () => {
    const made = spec(clawfleetUserData());
    await create(made);
    const answer = await ssh(made.address, backend.private, hostKey.public);
    expect(answer).toMatchObject({ code: 3, stdout: `hello from ${made.name}\n` });
    await expect(ssh(made.address, stranger.private, hostKey.public)).rejects.toThrow(/authentication/i);
    await expect(ssh(made.address, backend.private, stranger.public)).rejects.toThrow(/host|key|handshake/i);
  });

  test("keeps its disk and forgets /run and /tmp when the power is cut; the first boot does not run again", async () => {
    const count = cloudConfig("runcmd:\n  - echo boot >> /root/boots\n");
    const id = await create(spec(count));
    await machines.run(id, "echo kept > /etc/kept; echo lost > /tmp/lost; echo lost > /run/lost");
    await machines.powerOff(id);
    expect(machines.isRunning(id)).toBe(false);
    expect((await machines.run(id, "true")).code).toBe(255);
    await machines.powerOn(id);
    await machines.booted(id);
    expect(await output(id, "cat /etc/kept /root/boots; ls /tmp/lost /run/lost 2>/dev/null")).toBe(
      "kept\nboot",
    );
  });

  test("starts enabled units at boot, as their user, and restarts what dies", async () => {
    const unit = [
      "[Service]",
      "User=nobody",
      "Environment=WORD=shown",
      'ExecStart=/bin/sh -c "id -un > /tmp/who; echo $$WORD; exec sleep 1000"',
      "Restart=always",
      "RestartSec=0.1",
      "[Install]",
      "WantedBy=multi-user.target",
    ].map((line) => `      ${line}`);
    const id = await create(
      spec(
        cloudConfig(
          `write_files:\n  - path: /etc/systemd/system/tick.service\n    content: |\n${unit.join("\n")}\nruncmd:\n  - [systemctl, enable, --now, tick]\n`,
        ),
      ),
    );
    await eventually("it runs as nobody", async () => (await output(id, "cat /tmp/who")) === "nobody");
    await machines.reboot(id);
    await eventually("it came back", async () => (await output(id, "systemctl is-active tick")) === "active");
    const pid = () => output(id, "systemctl status tick | sed -n 's/ Main PID: //p'");
    const before = await pid();
    await machines.run(id, `kill -9 ${before}`);
    const later = await eventually("another process", async () => {
      const now = await pid();
      return now !== "" && now !== before ? now : undefined;
    });
    expect(later).toMatch(/^\d+$/);
  });

  test("a drop-in counts only after daemon-reload", async () => {
    const id = await create(
      spec(
        cloudConfig(
          "write_files:\n  - path: /etc/systemd/system/say.service\n    content: |\n      [Service]\n      Environment=WORD=one\n      ExecStart=/bin/sh -c 'echo $WORD > /tmp/word; exec sleep 1000'\n",
        ),
      ),
    );
    const word = async (want: string) =>
      eventually(`it says ${want}`, async () => (await output(id, "cat /tmp/word")) === want);
    await machines.run(id, "systemctl start say");
    await word("one");
    const dropIn = "mkdir -p /etc/systemd/system/say.service.d; printf '[Service]\\nEnvironment=WORD=two\\n'";
    await machines.run(
      id,
      `${dropIn} > /etc/systemd/system/say.service.d/w.conf; rm /tmp/word; systemctl restart say`,
    );
    await word("one");
    await machines.run(id, "systemctl daemon-reload; rm /tmp/word; systemctl restart say");
    await expect(word("two")).resolves.toBe(true);
  });

  test("a rebuilt machine is a fresh one; a snapshot carries the disk to another", async () => {
    const id = await create(spec(cloudConfig("runcmd:\n  - echo x >> /root/boots\n")));
    await machines.run(id, "echo golden > /opt/golden");
    await machines.snapshot(id, "image-1");
    const copy = await create(
      spec(cloudConfig("runcmd:\n  - echo y >> /root/boots\n"), { imageDisk: "image-1" }),
    );
    expect(await output(copy, "cat /opt/golden /root/boots")).toBe("golden\nx\ny");
    await machines.rebuild(id);
    await machines.booted(id);
    expect(await output(id, "cat /opt/golden 2>/dev/null; cat /root/boots")).toBe("x");
  });

  test("private addresses come and go, and two machines do not see each other's", async () => {
    const [first, second] = [await create(spec("")), await create(spec(""))];
    await machines.attachNetwork(first, "10.0.0.3");
    await machines.attachNetwork(second, "10.0.0.3");
    expect(await output(first, "ip -4 -o addr show dev lo")).toContain("10.0.0.3/32");
    await machines.detachNetwork(first, "10.0.0.3");
    expect(await output(first, "ip -4 -o addr show dev lo")).not.toContain("10.0.0.3");
    expect(await output(second, "ip -4 -o addr show dev lo")).toContain("10.0.0.3/32");
  });

  test("changes nothing on this host and leaves no process behind", async () => {
    const id = await create(spec(cloudConfig("runcmd:\n  - touch /etc/made-inside /opt/made-inside\n")));
    const holder = await output(id, "echo alive");
    expect(holder).toBe("alive");
    expect(await readdir("/etc")).not.toContain("made-inside");
    await machines.destroy(id);
    expect(machines.isRunning(id)).toBe(false);
    const mounts = await readFile("/proc/self/mounts", "utf8");
    expect(mounts).not.toContain(`${tmpdir()}/clawfleet-machines-`);
  });
});
