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
try "${apt[@]}" update
try "${apt[@]}" install --no-install-recommends ca-certificates curl openssl npm caddy unattended-upgrades

# Debian's npm is old; it installs a current one, which does the rest. Integrity is npm's: every tarball against its hash.
try npm install --global --prefix "/opt/npm-$npm_version" --no-fund --no-audit "npm@$npm_version"
ln -sfn "/opt/npm-$npm_version" /opt/npm
try npm install --global --prefix "/opt/node-$node_version" --no-fund --no-audit "node@$node_version"
ln -sfn "/opt/node-$node_version" /opt/node

id openclaw >/dev/null 2>&1 || useradd --system --home-dir /var/lib/openclaw --shell /usr/sbin/nologin openclaw
install -d -m 0700 -o openclaw -g openclaw /var/lib/openclaw
install -d -m 0750 -o root -g openclaw /etc/openclaw
install -d -m 0750 -o root -g caddy /etc/caddy/tls

try "$here/install-openclaw.sh" "$openclaw_version"
ln -sfn "/opt/openclaw/$openclaw_version" /opt/openclaw/current

systemctl daemon-reload
echo "$openclaw_version" >/var/lib/clawfleet/first-boot.done
