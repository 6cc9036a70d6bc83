#!/bin/bash
# Makes the root file system that every lab machine starts from: a system as Hetzner's images have it, before any user data.
# Runs in a mount namespace of its own.   usage: base-image.sh TARGET SUITE
set -euo pipefail
target=$1 suite=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Debian has no package of Ubuntu's keys.
keyring=ubuntu-keyring_2023.11.28.1_all.deb
keyring_sha256=36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8

case $suite in
  bookworm | trixie)
    mirror=http://deb.debian.org/debian
    debootstrap --variant=minbase --include=systemd-sysv,dbus,udev,ca-certificates "$suite" "$target" "$mirror"
    cat >"$target/etc/apt/sources.list" <<SOURCES
deb $mirror $suite main
deb $mirror $suite-updates main
deb http://deb.debian.org/debian-security $suite-security main
SOURCES
    network=(ifupdown)
    ;;
  noble)
    mirror=http://archive.ubuntu.com/ubuntu
    curl -fsS --connect-timeout 20 --max-time 120 -o "$scratch/keyring.deb" "$mirror/pool/main/u/ubuntu-keyring/$keyring" ||
      { echo "Ubuntu's archive, archive.ubuntu.com, cannot be reached from here; LAB_SUITE=bookworm and trixie need Debian's alone" >&2; exit 1; }
    echo "$keyring_sha256  $scratch/keyring.deb" | sha256sum --check --quiet
    dpkg-deb -x "$scratch/keyring.deb" "$scratch/keyring"
    # Ubuntu's releases differ in name alone, and Debian's debootstrap does not know every name.
    debootstrap --variant=minbase --include=systemd-sysv,dbus,udev,ca-certificates --components=main,universe \
      --keyring="$scratch/keyring/usr/share/keyrings/ubuntu-archive-keyring.gpg" \
      "$suite" "$target" "$mirror" /usr/share/debootstrap/scripts/gutsy
    # What cloud-init writes there on the first boot; it asks lsb_release for the suite.
    components="main restricted universe multiverse"
    cat >"$target/etc/apt/sources.list" <<SOURCES
deb $mirror $suite $components
deb $mirror $suite-updates $components
deb $mirror $suite-backports $components
deb http://security.ubuntu.com/ubuntu $suite-security $components
SOURCES
    network=(netplan.io systemd-resolved lsb-release)
    ;;
  *) echo "the lab knows no suite $suite" >&2; exit 1 ;;
esac

# By apt and not by debootstrap, which leaves cloud-init half configured (python3-cryptography's virtual dependencies).
install -m 0755 /dev/stdin "$target/usr/sbin/policy-rc.d" <<<$'#!/bin/sh\nexit 101'
cat /etc/resolv.conf >"$target/etc/resolv.conf"
mount -t proc proc "$target/proc"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
chroot "$target" apt-get -q update
chroot "$target" apt-get -q -y dist-upgrade
chroot "$target" apt-get -q -y install --no-install-recommends \
  cloud-init openssh-server curl iproute2 netbase procps sudo less locales "${network[@]}"
rm "$target/usr/sbin/policy-rc.d"
[ -f "$target/etc/cloud/cloud.cfg" ] || { echo "cloud-init is not configured in the image" >&2; exit 1; }
# cloud-init 24.3 and later has no cloud-init.service but a main process and a unit for the network.
for unit in cloud-init-main cloud-init-local cloud-init-network cloud-init cloud-config cloud-final; do
  [ -f "$target/usr/lib/systemd/system/$unit.service" ] || [ -f "$target/lib/systemd/system/$unit.service" ] || continue
  chroot "$target" systemctl enable "$unit.service"
done
# The machine's metadata lie on its disk; on a real server Hetzner's service answers.
printf '%s\n' 'datasource_list: [NoCloud]' 'locale: C.UTF-8' >"$target/etc/cloud/cloud.cfg.d/99-lab.cfg"

# A fresh server has neither lists nor packages lying about, and a name and keys of its own.
chroot "$target" apt-get clean
rm -rf "$target"/var/lib/apt/lists/* "$target"/etc/ssh/ssh_host_* "$target"/var/log/*.log
: >"$target/etc/machine-id"
[ -L "$target/etc/resolv.conf" ] || : >"$target/etc/resolv.conf"
