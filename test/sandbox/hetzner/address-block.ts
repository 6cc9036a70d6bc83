/** A network of loopback addresses for one simulator, which no other process of this machine hands out too. */
import { createServer } from "node:net";

export type AddressBlock = { base: string; release(): Promise<void> };

const firstNetwork = 16;
const networks = 224;
/** Listening here on the block's last address is the claim: the system allows it once, and forgets it with the process. */
const claimPort = 47_617;

/** @throws when every block of this machine is in use. */
export async function claimAddressBlock(start: number = process.pid): Promise<AddressBlock> {
  for (let tries = 0; tries < networks; tries += 1) {
    const network = `127.${firstNetwork + ((start + tries) % networks)}`;
    const release = await claim(`${network}.255.254`);
    if (release) return { base: `${network}.0.0/16`, release };
  }
  throw new Error(`all ${networks} networks of loopback addresses are in use: end other sandboxes first`);
}

function claim(address: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen({ host: address, port: claimPort, exclusive: true }, () => {
      server.unref();
      resolve(() => new Promise((done) => server.close(() => done())));
    });
  });
}
