/** User data: what a new machine runs once, the same for every customer apart from the machine's own host key. Pure. */
import { stringify } from "yaml";
import { firstBootFiles } from "./files.ts";

/** Hetzner refuses more (source: Hetzner Cloud API, "user_data limited to 32KiB"). */
export const maxUserDataBytes = 32 * 1024;

/** Releases that a new machine starts with; npm is 11.x because it must know `--allow-scripts`. */
export const imageVersions = { node: "24.21.0", npm: "11.19.1" } as const;

export type UserDataInput = {
  /** OpenSSH private key (ed25519); the reason why user data is a secret. */
  hostKeyPrivate: string;
  hostKeyPublic: string;
  /** Release that is installed before any customer is known. */
  openclawVersion: string;
  sshPort: number;
  /** The only address that sshd takes root from. Hetzner's firewalls do not filter the private network. */
  sshFrom?: string;
};

const libraryFolder = "/usr/local/lib/clawfleet";

/** A `#cloud-config` document. @throws RangeError when it is larger than Hetzner takes. */
export function renderUserData(input: UserDataInput): string {
  const document = {
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: input.hostKeyPrivate, ed25519_public: input.hostKeyPublic },
    disable_root: false,
    ssh_pwauth: false,
    write_files: [
      script("first-boot.sh", firstBootFiles.firstBoot),
      script("install-openclaw.sh", firstBootFiles.installOpenclaw),
      { path: "/etc/systemd/system/openclaw.service", permissions: "0644", content: firstBootFiles.unit },
      {
        path: "/etc/ssh/sshd_config.d/10-clawfleet.conf",
        permissions: "0644",
        content: sshdConfig(input),
      },
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

function script(name: string, content: string) {
  return { path: `${libraryFolder}/${name}`, permissions: "0755", content };
}
