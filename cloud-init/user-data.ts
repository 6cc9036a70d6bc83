/** User data: what a new machine runs once, the same for every customer apart from the machine's own host key. Pure. */
import { stringify } from "yaml";
import { firstBootFiles } from "./files.ts";

/** Hetzner refuses more (source: Hetzner Cloud API, "user_data limited to 32KiB"). */
export const maxUserDataBytes = 32 * 1024;

/** Releases that a new machine starts with, pinned by hash in `first-boot/releases`; npm 11 knows `--allow-scripts`. */
export const imageVersions = { node: "24.21.0", npm: "11.19.1" } as const;

/** For the worst minutes of a gateway on the smallest server. */
const swapBytes = 2 * 1024 ** 3;

export type UserDataInput = {
  /** OpenSSH private key (ed25519); the reason why user data is a secret. */
  hostKeyPrivate: string;
  hostKeyPublic: string;
  /** Release that is installed before any customer is known. */
  openclawVersion: string;
  sshPort: number;
  /**
   * With reach `private` the one address of the private network that comes in. Absent: workers come over the internet, where
   * Hetzner's firewall, which can follow them to new addresses, says from where; the private network is shut.
   */
  sshFrom?: string;
};

const libraryFolder = "/usr/local/lib/clawfleet";
const scripts = [
  ["first-boot.sh", firstBootFiles.firstBoot],
  ["fetch-package.sh", firstBootFiles.fetchPackage],
  ["install-openclaw.sh", firstBootFiles.installOpenclaw],
  ["watchdog.sh", firstBootFiles.watchdog],
] as const;
const units = [
  ["openclaw.service", firstBootFiles.unit],
  ["openclaw-watchdog.service", firstBootFiles.watchdogUnit],
  ["openclaw-watchdog.timer", firstBootFiles.watchdogTimer],
  ["caddy.service.d/10-clawfleet.conf", firstBootFiles.caddyHardening],
] as const;

/** A `#cloud-config` document. @throws RangeError when it is larger than Hetzner takes. */
export function renderUserData(input: UserDataInput): string {
  const document = {
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: input.hostKeyPrivate, ed25519_public: input.hostKeyPublic },
    // No account beside root: cloud-init would give its default user the keys and all rights.
    users: [{ name: "root", lock_passwd: false }],
    disable_root: false,
    ssh_pwauth: false,
    swap: { filename: "/swapfile", size: swapBytes, maxsize: swapBytes },
    write_files: [
      ...scripts.map(([name, content]) => file(`${libraryFolder}/${name}`, content, "0755")),
      file(`${libraryFolder}/packages`, firstBootFiles.packages),
      file(`${libraryFolder}/releases`, firstBootFiles.releases),
      file(`${libraryFolder}/nftables.conf`, nftablesConfig(input)),
      file("/etc/clawfleet/reach.nft", reachRules(input)),
      file(`${libraryFolder}/pages/welcome.html`, firstBootFiles.welcomePage),
      file(`${libraryFolder}/pages/unavailable.html`, firstBootFiles.unavailablePage),
      ...units.map(([name, content]) => file(`/etc/systemd/system/${name}`, content)),
      file("/etc/systemd/journald.conf.d/10-clawfleet.conf", firstBootFiles.journald),
      file("/etc/apt/apt.conf.d/52clawfleet", firstBootFiles.unattendedUpgrades),
      file("/etc/ssh/sshd_config.d/10-clawfleet.conf", sshdConfig(input)),
    ],
    runcmd: [
      // First, so that a machine whose first boot fails can be looked at. Ubuntu 24.04 listens through ssh.socket, whose port a generator takes from sshd's files; Debian has the service alone.
      ["systemctl", "daemon-reload"],
      ["systemctl", "try-restart", "ssh.socket"],
      ["systemctl", "try-restart", "ssh.service"],
      [`${libraryFolder}/first-boot.sh`, imageVersions.node, imageVersions.npm, input.openclawVersion],
    ],
  };
  const text = `#cloud-config\n${stringify(document, { lineWidth: 0 })}`;
  const bytes = Buffer.byteLength(text);
  if (bytes > maxUserDataBytes)
    throw new RangeError(`user data has ${bytes} bytes, Hetzner takes ${maxUserDataBytes}`);
  return text;
}

function sshdConfig({ sshPort, sshFrom }: UserDataInput): string {
  const from = sshFrom === undefined ? "" : `AllowUsers root@${sshFrom}\n`;
  return `${firstBootFiles.sshd}Port ${sshPort}\n${from}`;
}

function nftablesConfig({ sshPort, sshFrom }: UserDataInput): string {
  const backend = sshFrom === undefined ? "" : `define backend = ${sshFrom}\n`;
  return `define ssh_port = ${sshPort}\n${backend}${firstBootFiles.nftables}`;
}

function reachRules({ sshFrom }: UserDataInput): string {
  return sshFrom === undefined ? firstBootFiles.reachPublic : firstBootFiles.reachPrivate;
}

function file(path: string, content: string, permissions = "0644") {
  return { path, permissions, content };
}
