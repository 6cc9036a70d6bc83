#!/bin/bash
# Lays out one machine's view of the world and becomes its first process. Runs in namespaces of its own, as their process 1.
# usage: boot.sh MACHINE_FOLDER CODE_FOLDER NODE_BINARY HOSTNAME
set -euo pipefail
machine=$1 code=$2 node=$3 hostname=$4
root=$machine/root

mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$machine/disk/upper,workdir=$machine/disk/work" "$root"
# What a fresh server has empty, whatever the host keeps there.
while read -r folder; do
  mkdir -p "$root/$folder"
  mount --bind "$machine/disk/own/$folder" "$root/$folder"
done <"$machine/own-folders"

mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t proc proc "$root/proc"

mkdir -p "$root/run/sandbox/code" "$root/run/sandbox/host"
mount --bind "$code" "$root/run/sandbox/code"
mount -o remount,ro,bind "$root/run/sandbox/code"
mount --bind "$machine/host" "$root/run/sandbox/host"
touch "$root/run/sandbox/node"
mount --bind "$node" "$root/run/sandbox/node"

echo "$hostname" >"$root/proc/sys/kernel/hostname"
# The proxy runs as a user of its own and listens on 443; on a real machine its unit grants that.
echo 0 >"$root/proc/sys/net/ipv4/ip_unprivileged_port_start"
ip link set lo up
while read -r address; do
  ip address add "$address/32" dev lo
done <"$machine/addresses"

cd /
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  chroot "$root" /run/sandbox/node /run/sandbox/code/init.ts
