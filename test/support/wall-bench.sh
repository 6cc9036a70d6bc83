#!/bin/bash
# A machine behind the wall in FOLDER, with the world at the other end of two wires. Prints what was open, a line for each way.
# usage: wall-bench.sh FOLDER NODE   in: unshare --net
set -euo pipefail
folder=$1 node=$2

unshare --net sleep 600 &
world=$!
trap 'kill $(jobs -p)' EXIT
until [ "$(readlink /proc/$world/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
there=(nsenter --target "$world" --net)

for wire in eth0 enp7s0; do ip link add "$wire" type veth peer name "$wire" netns "$world"; done
ip link set lo up
ip address add 198.51.100.1/24 dev eth0
ip address add 10.0.0.3/32 dev enp7s0
"${there[@]}" ip link set lo up
"${there[@]}" ip address add 198.51.100.254/24 dev eth0
"${there[@]}" ip address add 203.0.113.66/32 dev lo
for member in 10.0.0.1 10.0.0.2 10.0.0.77; do "${there[@]}" ip address add "$member/16" dev enp7s0; done
for wire in eth0 enp7s0; do ip link set "$wire" up; "${there[@]}" ip link set "$wire" up; done
ip route add 10.0.0.0/16 dev enp7s0
ip route add default via 198.51.100.254
# A customer's process may send from the port of DHCP clients as networkd may.
sysctl -q -w net.ipv4.ip_unprivileged_port_start=0

nft -I "$folder" -f "$folder/nftables.conf"

listen='
const ports = process.argv.slice(1).map(Number);
const { createServer } = require("node:net");
let left = ports.length;
for (const port of ports) createServer((socket) => socket.end()).listen(port, "0.0.0.0", () => --left || console.log("there"));
require("node:dgram").createSocket("udp4").on("message", (_text, from) => console.log("heard " + from.port)).bind(67);
'
# With what every way in is asked: forged addresses do not come back, so that silence counts as shut.
reach='
const [from, to, ...ports] = process.argv.slice(1);
const tries = ports.map((port) => new Promise((resolve) => {
  const options = { host: to, port: Number(port), timeout: 700, ...(from === "-" ? {} : { localAddress: from }) };
  const socket = require("node:net").connect(options);
  const end = (open) => { socket.destroy(); resolve(open ? [port] : []); };
  socket.once("connect", () => end(true)).once("timeout", () => end(false)).once("error", () => end(false));
}));
Promise.all(tries).then((found) => console.log(found.flat().join(" ") || "nothing"));
'
ports=(22 443 2019 2222 5000 18789)
await() { until grep -q "$2" "$1" 2>/dev/null; do sleep 0.05; done; }
"$node" -e "$listen" "${ports[@]}" >"$folder/machine.log" &
"${there[@]}" "$node" -e "$listen" "${ports[@]}" >"$folder/world.log" &
await "$folder/machine.log" there
await "$folder/world.log" there

in_from() { echo "$1: $("${there[@]}" "$node" -e "$reach" "$2" "$3" "${ports[@]}")"; }
in_from internet 203.0.113.66 198.51.100.1
in_from backend 10.0.0.2 10.0.0.3
in_from neighbour 10.0.0.77 10.0.0.3
in_from "backend, forged" 10.0.0.2 198.51.100.1
agent=(setpriv --reuid 65534 --regid 65534 --clear-groups)
echo "root to the backend: $("$node" -e "$reach" - 10.0.0.2 443)"
echo "agent to the backend: $("${agent[@]}" "$node" -e "$reach" - 10.0.0.2 443)"
echo "agent to the internet: $("${agent[@]}" "$node" -e "$reach" - 203.0.113.66 443)"

send='
const socket = require("node:dgram").createSocket("udp4");
socket.bind(68, () => socket.send("renew", 67, "10.0.0.1", () => socket.close()));
'
"${agent[@]}" "$node" -e "$send"
for _ in {1..40}; do grep -q "heard 68" "$folder/world.log" && break; sleep 0.05; done
echo "renewal: $(grep "heard" "$folder/world.log" || echo refused)"
