/**
 * Proves with the tools that judge such files that what is put on a server is well formed: shellcheck, systemd's own verify and
 * security score, Caddy, cloud-init's schema. A tool that is not here is skipped and named; `make lab` has all of them, and runs
 * the files besides.
 */
import { mkdtemp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configureDocument } from "../../cloud-init/documents.ts";
import { firstBootFiles } from "../../cloud-init/files.ts";
import { maxUserDataBytes, renderUserData } from "../../cloud-init/user-data.ts";
import { runCommand } from "../../infra/engine/tools.ts";
import { createSshKeyPair } from "../../reconciler/ssh-key.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const highestExposure = 1.5;
const run = (command: string, ...args: string[]) => runCommand(command, args, { timeoutMs: 60_000 });

async function isMissing(tool: string): Promise<boolean> {
  const { code } = await run("/bin/sh", "-c", `command -v ${tool}`);
  if (code !== 0) process.stderr.write(`skipped: ${tool} is not installed\n`);
  return code !== 0;
}
const missing = {
  shellcheck: await isMissing("shellcheck"),
  systemd: await isMissing("systemd-analyze"),
  caddy: await isMissing("caddy"),
  cloudInit: await isMissing("cloud-init"),
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "server-files-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function put(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const userData = (sshFrom?: string) => {
  const key = createSshKeyPair("test");
  return renderUserData({
    hostKeyPrivate: key.private,
    hostKeyPublic: key.public,
    openclawVersion: "2026.9.6",
    sshPort: 22,
    ...(sshFrom === undefined ? {} : { sshFrom }),
  });
};

describe.skipIf(missing.shellcheck)("shell", () => {
  test("shellcheck has nothing to say of any script", async () => {
    const folders = ["cloud-init/first-boot", "cloud-init/remote", "test/lab", "test/lab/prepare"];
    const scripts = await Promise.all(
      folders.map(async (one) =>
        (await readdir(join(root, one)))
          .filter((name) => name.endsWith(".sh"))
          .map((name) => join(root, one, name)),
      ),
    );
    expect(scripts.flat().length).toBeGreaterThan(5);
    // What is shipped over SSH has no first line of its own.
    const { code, stdout } = await run("shellcheck", "--shell=bash", ...scripts.flat());
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  });
});

describe.skipIf(missing.systemd)("units", () => {
  /** What they start is on a server and not here: everything in its place, empty. */
  async function fakeRoot(): Promise<string> {
    const at = join(folder, "root");
    const programs = ["opt/node/bin/node", "usr/local/lib/clawfleet/watchdog.sh"];
    for (const program of programs) {
      await mkdir(join(at, program, ".."), { recursive: true });
      await writeFile(join(at, program), "#!/bin/sh\n", { mode: 0o755 });
    }
    const units = join(at, "etc/systemd/system");
    await mkdir(units, { recursive: true });
    await writeFile(join(units, "openclaw.service"), firstBootFiles.unit);
    await writeFile(join(units, "openclaw-watchdog.service"), firstBootFiles.watchdogUnit);
    await writeFile(join(units, "openclaw-watchdog.timer"), firstBootFiles.watchdogTimer);
    for (const target of ["network-online", "multi-user", "timers", "basic", "sysinit", "shutdown"])
      await writeFile(join(units, `${target}.target`), "[Unit]\nDescription=stands in\n");
    await writeFile(join(units, "system.slice"), "[Unit]\nDescription=stands in\n");
    await writeFile(join(units, "-.slice"), "[Unit]\nDescription=stands in\n");
    return at;
  }

  test.each(["openclaw.service", "openclaw-watchdog.service", "openclaw-watchdog.timer"])(
    "systemd-analyze verify takes every setting of %s",
    async (unit) => {
      const at = await fakeRoot();
      const { stdout, stderr } = await run("systemd-analyze", "verify", "--man=no", `--root=${at}`, unit);
      // Of settings that it does not know it says so and goes on.
      expect(`${stdout}${stderr}`.split("\n").filter((line) => line.includes(unit))).toEqual([]);
    },
  );

  test(`the gateway's exposure is at most ${highestExposure}`, async () => {
    const file = await put("openclaw.service", firstBootFiles.unit);
    const { stdout } = await run("systemd-analyze", "security", "--offline=true", "--no-pager", file);
    const score = Number(/Overall exposure level for .*: (\d+\.\d+)/.exec(stdout)?.[1]);
    expect(score).toBeLessThanOrEqual(highestExposure);
  });
});

describe.skipIf(missing.caddy)("proxy", () => {
  test("caddy validates the site", async () => {
    const document = configureDocument({
      host: "ada.claws.example",
      privateIp: "10.0.0.3",
      phase: "running",
      openclawVersion: "2026.9.6",
      memoryMb: 2048,
      tasks: 512,
      model: "anthropic/claude-sonnet-4-6",
      denyRuntimeTools: false,
      gatewayToken: "t".repeat(64),
      environment: {},
      ports: [],
    });
    const { site } = JSON.parse(document) as { site: { content: string } };
    // Its certificate and pages are on a server only: adapted, which reads every directive.
    const file = await put("Caddyfile", site.content);
    const { code, stderr } = await run("caddy", "adapt", "--config", file, "--adapter", "caddyfile");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  });
});

describe("user data", () => {
  test("stays far below what Hetzner takes, whatever its reach", () => {
    for (const text of [userData(), userData("10.0.0.2")])
      expect(Buffer.byteLength(text)).toBeLessThan(maxUserDataBytes * 0.85);
  });

  test.skipIf(missing.cloudInit)("cloud-init's own schema takes it", async () => {
    const file = await put("user-data", userData("10.0.0.2"));
    const { code, stdout, stderr } = await run("cloud-init", "schema", "--config-file", file);
    expect(`${code} ${stdout}${stderr}`).toMatch(/^0 .*Valid/s);
  });
});
