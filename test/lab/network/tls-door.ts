/** HTTPS for a browser in front of the sandbox's edge, which speaks plain HTTP to visitors: bytes in, bytes out. */
import { connect, type AddressInfo, type Socket } from "node:net";
import { createServer } from "node:tls";
import type { KeyPair } from "./authority.ts";

export type TlsDoor = { port: number; close(): Promise<void> };

export async function openTlsDoor(edgePort: number, { certificate, key }: KeyPair): Promise<TlsDoor> {
  const open = new Set<Socket>();
  const server = createServer({ cert: certificate, key, ALPNProtocols: ["http/1.1"] }, (visitor) => {
    const edge = connect(edgePort, "127.0.0.1");
    for (const socket of [visitor, edge]) {
      open.add(socket);
      socket.once("close", () => {
        open.delete(socket);
        visitor.destroy();
        edge.destroy();
      });
      socket.on("error", () => undefined);
    }
    visitor.pipe(edge).pipe(visitor);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
