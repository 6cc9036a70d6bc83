#!/bin/bash
# Makes the root file system that every lab machine starts from: Debian as Hetzner's images have it, before any user data.
# Runs in a mount namespace of its own.   usage: base-image.sh TARGET SUITE
set -euo pipefail
target=$1 suite=$2
mirror=http://deb.debian.org/debian

debootstrap --variant=minbase --include=systemd-sysv,dbus,udev,ca-certificates "$suite" "$target" "$mirror"
cat >"$target/etc/apt/sources.list" <<SOURCES
deb $mirror $suite main
deb $mirror $suite-updates main
deb http://deb.debian.org/debian-security $suite-security main
SOURCES

# By apt and not by debootstrap, which leaves cloud-init half configured (python3-cryptography's virtual dependencies).
install -m 0755 /dev/stdin "$target/usr/sbin/policy-rc.d" <<<$'#!/bin/sh\nexit 101'
cp /etc/resolv.conf "$target/etc/resolv.conf"
mount -t proc proc "$target/proc"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
chroot "$target" apt-get -q update
chroot "$target" apt-get -q -y dist-upgrade
chroot "$target" apt-get -q -y install --no-install-recommends \
  cloud-init openssh-server curl iproute2 ifupdown netbase procps sudo less
rm "$target/usr/sbin/policy-rc.d"
[ -f "$target/etc/cloud/cloud.cfg" ] || { echo "cloud-init is not configured in the image" >&2; exit 1; }
for unit in cloud-init-local cloud-init cloud-config cloud-final; do
  chroot "$target" systemctl enable "$unit.service"
done
# The machine's metadata lie on its disk; on a real server Hetzner's service answers.
printf '%s\n' 'datasource_list: [NoCloud]' 'locale: C.UTF-8' >"$target/etc/cloud/cloud.cfg.d/99-lab.cfg"

# A fresh server has neither lists nor packages lying about, and a name and keys of its own.
chroot "$target" apt-get clean
rm -rf "$target"/var/lib/apt/lists/* "$target"/etc/ssh/ssh_host_* "$target"/var/log/*.log
: >"$target/etc/machine-id"
: >"$target/etc/resolv.conf"
