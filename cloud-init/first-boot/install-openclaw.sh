#!/bin/bash
# Installs one OpenClaw release beside the others; the `current` link is whoever configures' business.
# usage: install-openclaw.sh VERSION
set -euo pipefail

version=$1
prefix=/opt/openclaw/$version
entry=$prefix/lib/node_modules/openclaw/dist/index.js
export PATH=/opt/node/bin:$PATH
# The machine's own certificate store, which security updates keep.
export NODE_USE_SYSTEM_CA=1
npm=(/opt/node/bin/node /opt/npm/bin/npm-cli.js --no-fund --no-audit --no-update-notifier)

if [ -f "$prefix/.complete" ] && [ -f "$entry" ]; then
  echo "openclaw $version is installed"
  exit 0
fi
# npm holds every package to the registry's hashes; a release that we pinned has to have ours.
pinned=$(awk -v version="$version" '$1 == "openclaw" && $2 == version { print $3 }' "$(dirname "$0")/releases")
if [ -n "$pinned" ]; then
  offered=$("${npm[@]}" view "openclaw@$version" dist.integrity)
  offered=$(printf %s "${offered#sha512-}" | base64 --decode | od -An -v -tx1 | tr -d ' \n')
  [ "$offered" = "$pinned" ] || { echo "the registry's openclaw $version is not the one that we pinned" >&2; exit 1; }
fi
# A half installation of an earlier try is worth nothing.
rm -rf "$prefix"
mkdir -p "$prefix"
"${npm[@]}" install --global --prefix "$prefix" --allow-scripts=openclaw "openclaw@$version"
[ -f "$entry" ] || { echo "openclaw $version was installed without $entry" >&2; exit 1; }
touch "$prefix/.complete"
echo "openclaw $version installed"
