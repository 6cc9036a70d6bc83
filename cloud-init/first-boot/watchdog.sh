#!/bin/bash
# Run by openclaw-watchdog.timer: a gateway that lives without answering is killed after three misses in a row, and
# systemd starts it again. One that ended is systemd's business alone.
set -euo pipefail
unit=openclaw.service
url=http://127.0.0.1:18789/healthz
# No start takes that long.
grace_seconds=90
limit=3
# After so many kills without an answer in between another one helps nobody, and would hide from the reconciler how ill it is.
kill_limit=3
misses=/run/openclaw-watchdog.misses
kills=/run/openclaw-watchdog.kills

read_count() { cat "$1" 2>/dev/null || echo 0; }

systemctl is-active --quiet "$unit" || {
  rm -f "$misses"
  exit 0
}
# Every unknown path answers 200 with a page, so the body counts.
if curl -fsS -m 5 "$url" 2>/dev/null | grep -q '"ok":true'; then
  rm -f "$misses" "$kills"
  exit 0
fi
since=$(systemctl show --property ActiveEnterTimestampMonotonic --value "$unit")
read -r uptime _ </proc/uptime
if [ "$((${uptime%.*} - since / 1000000))" -lt "$grace_seconds" ]; then
  rm -f "$misses"
  exit 0
fi
killed=$(read_count "$kills")
[ "$killed" -lt "$kill_limit" ] || exit 0
count=$(($(read_count "$misses") + 1))
echo "$count" >"$misses"
# Level notice: less is not kept of this unit.
echo "<5>no answer from $url, miss $count of $limit"
[ "$count" -ge "$limit" ] || exit 0
rm -f "$misses"
echo "$((killed + 1))" >"$kills"
# Not a stop: what does not answer does not hear SIGTERM either, and a stop would wait for its whole grace time.
systemctl kill --signal=SIGKILL "$unit"
