# A customer's files on this machine, for a copy to another one. Everything else of a machine is made by its first boot and by
# `configure`. usage: customer-files.sh measure|stop|pack|unpack|digest|start
set -euo pipefail
cd /
unit=openclaw.service
# What the gateway and its agent wrote, and what is remembered of the plan's workspace files.
state=var/lib/openclaw
ledger=var/lib/clawfleet/workspace.json
files=("$state")
[ ! -e "$ledger" ] || files+=("$ledger")

refuse_running() {
  if systemctl is-active --quiet "$unit"; then
    echo "the gateway runs: what it writes would be lost" >&2
    exit 1
  fi
}

# Sockets belong to processes, and no archive takes them.
list_files() { find "${files[@]}" ! -type s "$@" -print0 | LC_ALL=C sort --zero-terminated; }

case $1 in
  measure)
    du --summarize --total --block-size=1 "${files[@]}" | tail -n 1 | cut -f 1
    ;;
  # It stays enabled: a machine that starts anew, for whatever reason, serves its customer.
  stop)
    systemctl stop "$unit"
    ;;
  pack)
    refuse_running
    exec tar --create --format=posix --sparse --sort=name --file=- "${files[@]}"
    ;;
  # By names and not by numbers: the same user may have another one here.
  unpack)
    refuse_running
    rm -f "$ledger"
    find "$state" -mindepth 1 -delete
    tar --extract --preserve-permissions --same-owner --file=-
    sync
    ;;
  # Equal on both machines when names, owners, modes, lengths, targets of links and contents are.
  digest)
    refuse_running
    {
      find "${files[@]}" ! -type s \( -type f -printf '%y %m %u %g %s %p\0' -o -printf '%y %m %u %g %l %p\0' \) |
        LC_ALL=C sort --zero-terminated
      list_files -type f | xargs --null --no-run-if-empty sha256sum
    } | sha256sum | cut -d ' ' -f 1
    ;;
  # Of a suspended customer it is disabled, and stays as it is.
  start)
    if systemctl is-enabled --quiet "$unit"; then systemctl start "$unit"; fi
    ;;
  *)
    echo "what is '$1'?" >&2
    exit 2
    ;;
esac
