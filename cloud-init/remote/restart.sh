# The gentlest help for a machine that is up: the units in its arguments start anew, whatever state they are in.
set -euo pipefail
failed=
for unit in "$@"; do
  # Not a stop: what does not answer does not hear SIGTERM either, and a stop would wait for its whole grace time.
  systemctl kill --signal=SIGKILL "$unit" 2>/dev/null || true
  # Too many starts in a row leave a unit that nobody may start.
  systemctl reset-failed "$unit" 2>/dev/null || true
  # One that cannot start keeps no other from it.
  systemctl restart "$unit" || failed="$failed $unit"
done
[ -z "$failed" ] || {
  echo "not restarted:$failed" >&2
  exit 1
}
echo "restarted: $*"
