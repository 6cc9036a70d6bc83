/** Who can open what: a port scan from each side of a machine's networks. */
import { strict as assert } from "node:assert";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Lab } from "../lab.ts";
import { addresses } from "../network/network.ts";
import { inside, type Customer } from "./visitor.ts";

const patienceMs = 1500;
/** Everything below 1024, and what could listen above. */
const ports = [
  ...Array.from({ length: 1023 }, (_, index) => index + 1),
  2019,
  8080,
  8443,
  18_789,
  18_790,
  18_791,
];
const atOnce = 600;

export async function scanFromEachSide(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("port scan from each side", async (say) => {
    const [publicIp, privateIp] = await Promise.all([
      inside(lab, customer, "ip -4 -o address show eth0 | awk '{print $4}' | cut -d/ -f1"),
      inside(lab, customer, "ip -4 -o address show enp7s0 | awk '{print $4}' | cut -d/ -f1"),
    ]);
    const sides = [
      ["the internet", addresses.stranger, publicIp, [443]],
      ["Cloudflare's side", addresses.edge, publicIp, [443]],
      ["the backend, private network", addresses.backend, privateIp, [22, 18_789]],
      ["a neighbour, private network", addresses.neighbour, privateIp, []],
      ["the backend's address, forged on the internet", addresses.backend, publicIp, []],
    ] as const;
    for (const [side, from, to, expected] of sides) {
      const open = await scan(to, from);
      say(`${side} (${from} -> ${to}): ${open.length === 0 ? "nothing" : open.join(", ")}`);
      assert.deepEqual(open, expected, side);
    }
    assert.equal(await greet(publicIp, customer.host, addresses.stranger), "refused");
    say("443 without Cloudflare's certificate: the handshake is refused");
  });
}

async function scan(host: string, from: string): Promise<number[]> {
  const open: number[] = [];
  for (let at = 0; at < ports.length; at += atOnce) {
    const batch = ports.slice(at, at + atOnce);
    const found = await Promise.all(batch.map((port) => isOpen(host, port, from)));
    open.push(...batch.filter((_port, index) => found[index]));
  }
  return open;
}

function isOpen(host: string, port: number, localAddress: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress, timeout: patienceMs });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}

/** TLS 1.3 tells a client of a missing certificate only after its own side is done. */
function greet(host: string, servername: string, localAddress: string): Promise<"refused" | "served"> {
  return new Promise((resolve) => {
    const wire = connect({ host, port: 443, localAddress });
    wire.once("error", () => resolve("refused"));
    const socket = connectTls({ socket: wire, servername, rejectUnauthorized: false, timeout: 5000 });
    const end = (how: "refused" | "served") => {
      socket.destroy();
      resolve(how);
    };
    socket.once("secureConnect", () => socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\n\r\n`));
    socket.once("data", () => end("served"));
    socket.once("error", () => end("refused"));
    socket.once("close", () => end("refused"));
    socket.once("timeout", () => end("refused"));
  });
}
