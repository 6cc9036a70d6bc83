/** Finds a port for a server that is started a moment later. */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below where systems take the ports of outgoing connections from (32768 on Linux): none of those comes between. */
const first = 10_240;
const last = 32_767;
const attempts = 100;

/** A port of 127.0.0.1 that nobody listens on now. */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = randomInt(first, last + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${first} and ${last} in ${attempts} attempts`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
