/** The real files of this folder as text. Read once; they are part of the program, not of its input. */
import { readFileSync } from "node:fs";

function readText(path: string): string {
  return readFileSync(new URL(path, import.meta.url), "utf8");
}

export const firstBootFiles = {
  firstBoot: readText("./first-boot/first-boot.sh"),
  installOpenclaw: readText("./first-boot/install-openclaw.sh"),
  unit: readText("./first-boot/openclaw.service"),
  sshd: readText("./first-boot/sshd.conf"),
} as const;

export const remoteScripts = {
  waitFirstBoot: readText("./remote/wait-first-boot.sh"),
  tlsRequest: readText("./remote/tls-request.mjs"),
  tlsInstall: readText("./remote/tls-install.mjs"),
  configure: readText("./remote/configure.mjs"),
  health: readText("./remote/health.mjs"),
} as const;
