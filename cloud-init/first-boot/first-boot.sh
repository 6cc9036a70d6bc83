#!/bin/bash
# Runs once on a new machine, as root: everything that is the same for every customer. Customers' things come over SSH.
# May run again: what is there already stays.
# usage: first-boot.sh NODE_VERSION NPM_VERSION OPENCLAW_VERSION
set -euo pipefail

node_version=$1
npm_version=$2
openclaw_version=$3
here=$(dirname "$0")

# For whoever has to run this again (remote/wait-first-boot.sh).
install -d -m 0755 /var/lib/clawfleet
printf '%s\n' "$@" >/var/lib/clawfleet/first-boot.arguments

# Mirrors and registries have bad minutes; a paid order should not fail over one.
try() {
  local attempt
  for attempt in 1 2 3; do
    "$@" && return 0
    echo "attempt $attempt of 3 failed: $*" >&2
    [ "$attempt" -eq 3 ] || sleep "$((attempt * 10))"
  done
  return 1
}

export DEBIAN_FRONTEND=noninteractive
# A fresh image updates itself in the background and holds dpkg's lock meanwhile.
apt=(apt-get -o DPkg::Lock::Timeout=300 -q -y)
mapfile -t packages < <(grep -v '^#' "$here/packages")
try "${apt[@]}" update
try "${apt[@]}" install --no-install-recommends "${packages[@]}"

# The wall first: whatever is started later is behind it.
install -m 0644 "$here/nftables.conf" /etc/nftables.conf
systemctl enable nftables.service
systemctl restart nftables.service

case $(uname -m) in
  x86_64) architecture=x64 ;;
  aarch64) architecture=arm64 ;;
  *) echo "no Node for $(uname -m)" >&2; exit 1 ;;
esac
try "$here/fetch-package.sh" "node-linux-$architecture" "$node_version" "/opt/node-$node_version"
ln -sfn "/opt/node-$node_version" /opt/node
try "$here/fetch-package.sh" npm "$npm_version" "/opt/npm-$npm_version"
ln -sfn "/opt/npm-$npm_version" /opt/npm

id openclaw >/dev/null 2>&1 || useradd --system --home-dir /var/lib/openclaw --shell /usr/sbin/nologin openclaw
install -d -m 0700 -o openclaw -g openclaw /var/lib/openclaw
install -d -m 0750 -o root -g openclaw /etc/openclaw
install -d -m 0750 -o root -g caddy /etc/caddy/tls
# Debian starts what it installs; there is no site yet.
systemctl disable --now caddy.service

try "$here/install-openclaw.sh" "$openclaw_version"
ln -sfn "/opt/openclaw/$openclaw_version" /opt/openclaw/current

# Each machine its own minute between one and five at night, the same every time: a fleet that restarts at once looks ill.
number=$(cksum /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f1)
printf 'Unattended-Upgrade::Automatic-Reboot-Time "%02d:%02d";\n' "$((1 + number % 4))" "$((number / 4 % 60))" \
  >/etc/apt/apt.conf.d/53clawfleet-restart

systemctl daemon-reload
systemctl restart systemd-journald.service
systemctl enable --now openclaw-watchdog.timer
echo "$openclaw_version" >/var/lib/clawfleet/first-boot.done
