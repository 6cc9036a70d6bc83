/**
 * Proves with the tools that judge such files that what is put on a server is well formed and says what it must: shellcheck,
 * systemd's own verify and security score, Debian's Caddy and sshd, nft, cloud-init's schema. A tool that is not here, and that
 * apt cannot fetch, is skipped and named; `make lab` has all of them, and runs the files besides.
 */
import { chmod, mkdtemp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configureDocument } from "../../cloud-init/documents.ts";
import { firstBootFiles } from "../../cloud-init/files.ts";
import { maxUserDataBytes, renderUserData } from "../../cloud-init/user-data.ts";
import { runCommand } from "../../infra/engine/tools.ts";
import { createSshKeyPair } from "../../reconciler/ssh-key.ts";
import { createAuthority } from "../lab/network/authority.ts";
import { findDebianTool } from "../support/debian-tools.ts";
import { machineFiles } from "../support/machine-files.ts";
import { machineInput } from "../support/machine-input.ts";

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
  nft: await isMissing("nft"),
  cloudInit: await isMissing("cloud-init"),
};
const caddy = await findDebianTool("usr/bin/caddy", ["caddy"]);
const sshd = await findDebianTool("usr/sbin/sshd", ["openssh-server", "libwrap0"]);

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
    const folders = [
      "cloud-init/first-boot",
      "cloud-init/remote",
      "test/lab",
      "test/lab/prepare",
      "test/support",
    ];
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

describe.skipIf(caddy === undefined)("proxy", () => {
  /** With what it names in /etc/caddy beside it. */
  async function putSite(name: string, originPullCa?: string): Promise<string> {
    const at = join(folder, name);
    await mkdir(join(at, "tls"), { recursive: true });
    const { host } = machineInput;
    const own = await (await createAuthority("Origin CA")).sign(host, [host], "server");
    const document = configureDocument({
      ...machineInput,
      ...(originPullCa === undefined ? {} : { originPullCa }),
    });
    type Placed = { path: string; content: string };
    const { site, originPullCa: authority } = JSON.parse(document) as Record<"site" | "originPullCa", Placed>;
    await writeFile(join(at, "tls/certificate.pem"), own.certificate);
    await writeFile(join(at, "tls/key.pem"), own.key);
    await writeFile(authority.path.replace("/etc/caddy", at), authority.content);
    await writeFile(join(at, "Caddyfile"), site.content.replaceAll("/etc/caddy", at));
    return join(at, "Caddyfile");
  }

  type Server = { listen: string[]; tls_connection_policies: { client_authentication?: object }[] };

  async function adapt(file: string): Promise<Server> {
    const validated = await caddy?.("validate", "--config", file, "--adapter", "caddyfile");
    expect(validated?.stderr).toMatch(/Valid configuration|^\{.*using provided configuration.*\}$/m);
    expect(validated?.code).toBe(0);
    const adapted = await caddy?.("adapt", "--config", file, "--adapter", "caddyfile");
    const config = JSON.parse(adapted?.stdout ?? "") as {
      admin: { listen: string };
      apps: { http: { servers: Record<string, Server> } };
    };
    expect(config.admin.listen).toBe("unix//run/caddy/admin.sock");
    const [server, ...others] = Object.values(config.apps.http.servers);
    expect(others).toEqual([]);
    if (server === undefined) throw new Error("caddy has read no server");
    expect(server.listen).toEqual([":443"]);
    return server;
  }

  test("with an authority for origin pulls Caddy demands a certificate that it signed", async () => {
    const { root: authority } = await createAuthority("Origin pulls");
    const { tls_connection_policies: policies } = await adapt(await putSite("shut", authority));
    const base64 = authority.replaceAll(/-----[^-]+-----|\n/g, "");
    // Of a policy without `match` there is one for the name and one for every other.
    expect(policies.filter((one) => "certificate_selection" in one || one.client_authentication)).toEqual([
      expect.objectContaining({
        client_authentication: { mode: "require_and_verify", trusted_ca_certs: [base64] },
      }),
    ]);
  });

  test("without one Caddy takes the site, and every client", async () => {
    const { tls_connection_policies: policies } = await adapt(await putSite("open"));
    expect(policies.filter(({ client_authentication: asked }) => asked !== undefined)).toEqual([]);
  });
});

describe.skipIf(missing.nft)("wall", () => {
  // What it does is wall.test.ts' part, which needs root; this one does not.
  test.each<[string, string | undefined]>([
    ["private", "10.0.0.2"],
    ["public", undefined],
  ])("nft reads every rule with reach %s", async (reach, sshFrom) => {
    const files = machineFiles(sshFrom === undefined ? {} : { sshFrom });
    const at = join(folder, `wall-${reach}`);
    await mkdir(join(at, "clawfleet"), { recursive: true });
    await writeFile(join(at, "nftables.conf"), files.get("/usr/local/lib/clawfleet/nftables.conf") ?? "");
    await writeFile(join(at, "clawfleet/reach.nft"), files.get("/etc/clawfleet/reach.nft") ?? "");
    await writeFile(join(at, "clawfleet/ports.nft"), "tcp dport 6000-6010 accept\n");
    const check = ["nft", "--check", "--includepath", at, "--file", join(at, "nftables.conf")];
    const { code, stderr } = await run("unshare", "--map-root-user", "--net", ...check);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

describe.skipIf(sshd === undefined)("sshd", () => {
  /** Its user and its folder are on a server only. */
  const insideScript =
    '{ cat /etc/passwd; echo sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin; } >"$1" && mount --bind "$1" /etc/passwd && ' +
    'mount -t tmpfs -o mode=0755 tmpfs /run && mkdir /run/sshd && shift && exec "$@"';

  async function effective(sshFrom?: string): Promise<string[]> {
    const files = machineFiles({ sshPort: 2222, ...(sshFrom === undefined ? {} : { sshFrom }) });
    const file = await put("sshd.conf", files.get("/etc/ssh/sshd_config.d/10-clawfleet.conf") ?? "");
    const key = await put("host-key", createSshKeyPair("test").private);
    await chmod(key, 0o600);
    const inside = [
      "unshare",
      "--mount",
      "--map-root-user",
      "sh",
      "-c",
      insideScript,
      "sh",
      join(folder, "passwd"),
    ];
    const answer = await sshd?.within(inside, "-T", "-f", file, "-h", key);
    expect({ code: answer?.code, stderr: answer?.stderr }).toEqual({ code: 0, stderr: "" });
    return answer?.stdout.split("\n") ?? [];
  }

  const always = [
    "port 2222",
    "passwordauthentication no",
    "kbdinteractiveauthentication no",
    "permitrootlogin without-password",
    "x11forwarding no",
    "allowagentforwarding no",
    "allowtcpforwarding no",
  ];

  test.each<[string, string | undefined, string[]]>([
    ["private", "10.0.0.2", ["allowusers root@10.0.0.2"]],
    ["public", undefined, []],
  ])("with reach %s it takes keys alone, from whom it should", async (_reach, sshFrom, users) => {
    const lines = await effective(sshFrom);
    expect(lines).toEqual(expect.arrayContaining(always));
    expect(lines.filter((line) => line.startsWith("allowusers"))).toEqual(users);
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
