#!/bin/bash
# Fills the caches that the lab's mirrors serve: apt and npm fetch what a first boot will ask for.
# Runs in a mount namespace of its own.
# usage: packages.sh BASE_IMAGE TARGET NODE NPM_VERSION OPENCLAW_VERSION APT_PACKAGE...
set -euo pipefail
base=$1 target=$2 node_version=$3 npm_version=$4 openclaw_version=$5
shift 5
scratch=$(mktemp -d)
trap 'umount -R "$scratch/root"; umount "$scratch/tmpfs"; rm -rf "$scratch"' EXIT

mkdir -p "$scratch/root" "$scratch/tmpfs"
mount -t tmpfs tmpfs "$scratch/tmpfs"
mkdir "$scratch/tmpfs/upper" "$scratch/tmpfs/work"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$scratch/tmpfs/upper,workdir=$scratch/tmpfs/work" "$scratch/root"
mount -t proc proc "$scratch/root/proc"
# A link into /run where systemd-resolved is.
cp --remove-destination /etc/resolv.conf "$scratch/root/etc/resolv.conf"
(
  export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
  chroot "$scratch/root" apt-get -q update
  chroot "$scratch/root" apt-get -q -y install --download-only --no-install-recommends "$@"
)
mkdir -p "$target/apt/lists" "$target/apt/packages"
cp "$scratch"/root/var/lib/apt/lists/*_* "$target/apt/lists/"
cp "$scratch"/root/var/cache/apt/archives/*.deb "$target/apt/packages/"

npm=(npm --cache "$target/npm" --no-fund --no-audit --loglevel error)
for architecture in x64 arm64; do "${npm[@]}" cache add "node-linux-$architecture@$node_version"; done
"${npm[@]}" cache add "npm@$npm_version"
"${npm[@]}" install --global --ignore-scripts --prefix "$scratch/prefix" "openclaw@$openclaw_version"
