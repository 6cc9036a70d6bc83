#!/bin/bash
# Run by openclaw-watchdog.timer: a gateway that lives without answering is killed after three misses in a row, and
# systemd starts it again. One that ended is systemd's business alone.
set -euo pipefail
unit=openclaw.service
url=http://127.0.0.1:18789/healthz
# No start takes that long.
grace_seconds=90
limit=3
misses=/run/openclaw-watchdog.misses

if systemctl is-active --quiet "$unit"; then
  since=$(systemctl show --property ActiveEnterTimestampMonotonic --value "$unit")
else
  since=
fi
read -r uptime _ </proc/uptime
# Every unknown path answers 200 with a page, so the body counts.
if [ -z "$since" ] || [ "$((${uptime%.*} - since / 1000000))" -lt "$grace_seconds" ] ||
  curl -fsS -m 5 "$url" 2>/dev/null | grep -q '"ok":true'; then
  rm -f "$misses"
  exit 0
fi
count=$(($(cat "$misses" 2>/dev/null || echo 0) + 1))
echo "$count" >"$misses"
# Level notice: less is not kept of this unit.
echo "<5>no answer from $url, miss $count of $limit"
[ "$count" -ge "$limit" ] || exit 0
rm -f "$misses"
# Not a stop: what does not answer does not hear SIGTERM either, and a stop would wait for its whole grace time.
systemctl kill --signal=SIGKILL "$unit"
