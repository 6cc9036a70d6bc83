/** The real files of this folder as text. Read once; they are part of the program, not of its input. */
import { readFileSync } from "node:fs";

function readText(path: string): string {
  return readFileSync(new URL(path, import.meta.url), "utf8");
}

export const firstBootFiles = {
  firstBoot: readText("./first-boot/first-boot.sh"),
  fetchPackage: readText("./first-boot/fetch-package.sh"),
  installOpenclaw: readText("./first-boot/install-openclaw.sh"),
  watchdog: readText("./first-boot/watchdog.sh"),
  packages: readText("./first-boot/packages"),
  releases: readText("./first-boot/releases"),
  nftables: readText("./first-boot/nftables.conf"),
  reachPrivate: readText("./first-boot/reach-private.nft"),
  reachPublic: readText("./first-boot/reach-public.nft"),
  unit: readText("./first-boot/openclaw.service"),
  watchdogUnit: readText("./first-boot/openclaw-watchdog.service"),
  watchdogTimer: readText("./first-boot/openclaw-watchdog.timer"),
  caddyHardening: readText("./first-boot/caddy-hardening.conf"),
  welcomePage: readText("./first-boot/pages/welcome.html"),
  unavailablePage: readText("./first-boot/pages/unavailable.html"),
  sshd: readText("./first-boot/sshd.conf"),
  journald: readText("./first-boot/journald.conf"),
  unattendedUpgrades: readText("./first-boot/unattended-upgrades.conf"),
} as const;

/** The proxy's configuration with `{$ADDRESSES}` in it. */
export const siteTemplate = readText("./remote/Caddyfile");

export const remoteScripts = {
  waitFirstBoot: readText("./remote/wait-first-boot.sh"),
  tlsRequest: readText("./remote/tls-request.mjs"),
  tlsInstall: readText("./remote/tls-install.mjs"),
  configure: readText("./remote/configure.mjs"),
  health: readText("./remote/health.mjs"),
  seedWorkspace: readText("./remote/seed-workspace.mjs"),
  signIn: readText("./remote/sign-in.mjs"),
  probe: readText("./remote/probe.mjs"),
  restart: readText("./remote/restart.sh"),
  customerFiles: readText("./remote/customer-files.sh"),
} as const;
