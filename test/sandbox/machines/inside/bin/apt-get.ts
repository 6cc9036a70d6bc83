#!/run/sandbox/node
/** apt-get: a few packages, the part of each that scripts can see. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";

const code = "/run/sandbox/code";
const listsFolder = "/var/lib/apt/lists";
const installedFolder = "/var/lib/dpkg/info";

const packages: Record<string, () => void> = {
  "ca-certificates": nothing,
  curl: nothing,
  openssl: nothing,
  nftables: nothing,
  "systemd-timesyncd": nothing,
  "unattended-upgrades": nothing,
  caddy: installCaddy,
};

function nothing(): void {}

function installCaddy(): void {
  symlinkSync(`${code}/packages/caddy.ts`, "/usr/bin/caddy");
  execFileSync("groupadd", ["--system", "caddy"], { stdio: "pipe" });
  const account = ["--system", "--gid", "caddy", "--home-dir", "/var/lib/caddy", "--create-home"];
  execFileSync("useradd", [...account, "--shell", "/usr/sbin/nologin", "caddy"], { stdio: "pipe" });
  mkdirSync("/etc/caddy", { recursive: true });
  if (!existsSync("/etc/caddy/Caddyfile")) writeFileSync("/etc/caddy/Caddyfile", ":80 {\n\trespond ok\n}\n");
  writeFileSync(
    "/usr/lib/systemd/system/caddy.service",
    [
      "[Unit]",
      "Description=Caddy",
      "[Service]",
      "Type=notify",
      "User=caddy",
      "Group=caddy",
      "ExecStart=/usr/bin/caddy run --environ --config /etc/caddy/Caddyfile",
      "ExecReload=/usr/bin/caddy reload --config /etc/caddy/Caddyfile --force",
      "TimeoutStopSec=5s",
      "[Install]",
      "WantedBy=multi-user.target",
      "",
    ].join("\n"),
  );
  // Debian starts what it installs.
  execFileSync("systemctl", ["enable", "--now", "caddy.service"], { stdio: "pipe" });
}

function fail(message: string): never {
  process.stderr.write(`E: ${message}\n`);
  process.exit(100);
}

const given = process.argv.slice(2);
// `-o` takes the next word.
const words = given.filter((word, index) => !word.startsWith("-") && given[index - 1] !== "-o");
const [verb, ...names] = words;
if (verb === "update") {
  mkdirSync(listsFolder, { recursive: true });
} else if (verb === "install") {
  if (!existsSync(listsFolder) && names.length > 0) fail(`Unable to locate package ${names[0]}`);
  mkdirSync(installedFolder, { recursive: true });
  for (const name of names) if (!(name in packages)) fail(`Unable to locate package ${name}`);
  for (const name of names) {
    if (existsSync(`${installedFolder}/${name}.list`)) continue;
    packages[name]?.();
    writeFileSync(`${installedFolder}/${name}.list`, "");
    process.stdout.write(`Setting up ${name} ...\n`);
  }
} else if (verb !== "upgrade" && verb !== "clean") {
  fail(`Invalid operation ${verb ?? ""}`);
}
