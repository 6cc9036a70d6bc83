#!/bin/bash
# Removes the control groups of a lab that has ended; they are the one thing that does not go with its namespaces.
# usage: leave.sh GROUP   in: unshare --mount
set -euo pipefail
folder=$(mktemp -d)
trap 'umount "$folder"; rmdir "$folder"' EXIT
mount -t cgroup2 cgroup2 "$folder"
[ -d "$folder/$1" ] || exit 0
echo 1 >"$folder/$1/cgroup.kill"
for _ in {1..300}; do
  find "$folder/$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
  [ -d "$folder/$1" ] || exit 0
  sleep 0.1
done
echo "$1 is not empty" >&2
exit 1
