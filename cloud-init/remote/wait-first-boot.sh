# Waits until cloud-init has ended; runs the first boot once more if it did not get to its end, and says what went wrong then.
set -euo pipefail
folder=/var/lib/clawfleet
status=0
cloud-init status --wait >/dev/null 2>&1 || status=$?
# cloud-init counts what others refused too; whether our own part ran to its end is what matters.
if [ ! -f "$folder/first-boot.done" ]; then
  if [ ! -f "$folder/first-boot.arguments" ]; then
    echo "the first boot did not start (cloud-init status $status); the end of its log:" >&2
    tail -n 20 /var/log/cloud-init-output.log >&2 || true
    exit 1
  fi
  mapfile -t arguments <"$folder/first-boot.arguments"
  if ! /usr/local/lib/clawfleet/first-boot.sh "${arguments[@]}" >>/var/log/cloud-init-output.log 2>&1; then
    echo "the first boot did not finish; the end of its log:" >&2
    tail -n 20 /var/log/cloud-init-output.log >&2
    exit 1
  fi
fi
echo "first boot finished, openclaw $(cat "$folder/first-boot.done")"
