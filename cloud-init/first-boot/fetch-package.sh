#!/bin/bash
# Fetches one package from npm's registry without npm, checks it against the pinned hash, and unpacks it into FOLDER.
# usage: fetch-package.sh NAME VERSION FOLDER
set -euo pipefail
name=$1 version=$2 folder=$3
hash=$(awk -v name="$name" -v version="$version" '$1 == name && $2 == version { print $3 }' "$(dirname "$0")/releases")
[ -n "$hash" ] || { echo "$name $version is not pinned in releases" >&2; exit 1; }
if [ -f "$folder/.complete" ]; then exit 0; fi

archive=$(mktemp)
trap 'rm -f "$archive"' EXIT
curl -fsSL --proto =https --connect-timeout 20 --max-time 600 -o "$archive" \
  "https://registry.npmjs.org/$name/-/$name-$version.tgz"
echo "$hash  $archive" | sha512sum --check --quiet
rm -rf "$folder"
mkdir -p "$folder"
tar -xzf "$archive" -C "$folder" --strip-components=1 --no-same-owner
touch "$folder/.complete"
