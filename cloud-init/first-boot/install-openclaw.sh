#!/bin/bash
# Installs one OpenClaw release beside the one that runs, and removes older ones; the `current` link is whoever configures' business.
# usage: install-openclaw.sh VERSION
set -euo pipefail

version=$1
releases=/opt/openclaw
prefix=$releases/$version
entry=$prefix/lib/node_modules/openclaw/dist/index.js
export PATH=/opt/node/bin:$PATH
# The machine's own certificate store, which security updates keep.
export NODE_USE_SYSTEM_CA=1

if [ -f "$prefix/.complete" ] && [ -f "$entry" ]; then
  echo "openclaw $version is installed"
  exit 0
fi
# Releases have 650 MB each, and half an installation of an earlier try is worth nothing.
current=$(readlink "$releases/current" || true)
for old in "$releases"/*/; do
  old=${old%/}
  if [ -d "$old" ] && [ ! -L "$old" ] && [ "$old" != "$current" ]; then rm -rf "$old"; fi
done

# A cache of this run alone: what is installed is the archive that was looked at, and nothing stays behind.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
npm=(/opt/node/bin/node /opt/npm/bin/npm-cli.js --no-fund --no-audit --no-update-notifier --cache "$scratch/cache")
# npm holds every package to the registry's hashes; a release that we pinned has to have ours.
pinned=$(awk -v version="$version" '$1 == "openclaw" && $2 == version { print $3 }' "$(dirname "$0")/releases")
if [ -n "$pinned" ]; then
  "${npm[@]}" pack --silent --pack-destination "$scratch" "openclaw@$version"
  echo "$pinned  $scratch/openclaw-$version.tgz" | sha512sum --check --quiet ||
    { echo "the registry's openclaw $version is not the one that we pinned" >&2; exit 1; }
fi
mkdir -p "$prefix"
"${npm[@]}" install --global --prefer-offline --prefix "$prefix" --allow-scripts=openclaw "openclaw@$version"
[ -f "$entry" ] || { echo "openclaw $version was installed without $entry" >&2; exit 1; }
touch "$prefix/.complete"
echo "openclaw $version installed"
