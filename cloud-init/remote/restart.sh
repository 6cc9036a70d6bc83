# The gentlest help for a machine that is up: gateway and proxy start anew, whatever state they are in.
set -euo pipefail
for unit in openclaw.service caddy.service; do
  # Not a stop: what does not answer does not hear SIGTERM either, and a stop would wait for its whole grace time.
  systemctl kill --signal=SIGKILL "$unit" 2>/dev/null || true
  # Too many starts in a row leave a unit that nobody may start.
  systemctl reset-failed "$unit" 2>/dev/null || true
done
systemctl restart openclaw.service
systemctl restart caddy.service
echo "openclaw and caddy restarted"
