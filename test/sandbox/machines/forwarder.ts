/** A port on a machine's outside address that leads to a socket which the inside serves. */
import { createServer, connect, type Socket } from "node:net";

export type Forwarder = { close(): Promise<void> };

/** Refuses connections, as a port that nobody listens on, while the inside is off. */
export async function startForwarder(host: string, port: number, socketPath: string): Promise<Forwarder> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (outside) => {
    const inside = connect({ path: socketPath, allowHalfOpen: true });
    for (const socket of [outside, inside]) {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
    }
    outside.on("error", () => inside.destroy());
    inside.on("error", () => outside.resetAndDestroy());
    outside.pipe(inside).pipe(outside);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
