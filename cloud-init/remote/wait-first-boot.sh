# Waits until cloud-init has ended and says what went wrong if it did.
set -euo pipefail
status=0
cloud-init status --wait >/dev/null 2>&1 || status=$?
# 2 is "recoverable": something minor was refused; whether our own part ran is what counts.
if [ "$status" -eq 1 ] || [ ! -f /var/lib/clawfleet/first-boot.done ]; then
  echo "the first boot did not finish (cloud-init status $status); the end of its log:" >&2
  tail -n 20 /var/log/cloud-init-output.log >&2 || true
  exit 1
fi
echo "first boot finished, openclaw $(cat /var/lib/clawfleet/first-boot.done)"
