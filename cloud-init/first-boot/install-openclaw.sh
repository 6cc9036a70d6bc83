#!/bin/bash
# Installs one OpenClaw release beside the others; the `current` link is whoever configures' business.
# usage: install-openclaw.sh VERSION
set -euo pipefail

version=$1
prefix=/opt/openclaw/$version
entry=$prefix/lib/node_modules/openclaw/dist/index.js

if [ -f "$prefix/.complete" ] && [ -f "$entry" ]; then
  echo "openclaw $version is installed"
  exit 0
fi
# A half installation of an earlier try is worth nothing.
rm -rf "$prefix"
mkdir -p "$prefix"
PATH=/opt/node/bin:/opt/npm/bin:$PATH npm install --global --prefix "$prefix" --no-fund --no-audit \
  --allow-scripts=openclaw "openclaw@$version"
[ -f "$entry" ] || { echo "openclaw $version was installed without $entry" >&2; exit 1; }
touch "$prefix/.complete"
echo "openclaw $version installed"
