/** A TCP front before a gRPC server: knows which client a call came from and can cut exactly that one off. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export type Front = {
  port: number;
  /** Name of a client's connection by the port that the server behind sees. */
  cut(peerPort: number): void;
  /** Called with the server-side port of a connection that has ended. */
  onEnd(listener: (peerPort: number) => void): void;
  close(): Promise<void>;
};

/** Forwards 127.0.0.1:`port` (0: a free one) to 127.0.0.1:`behind`. */
export async function startFront(behind: number, port = 0): Promise<Front> {
  const pairs = new Map<number, { client: Socket; inner: Socket }>();
  const listeners: ((peerPort: number) => void)[] = [];
  const server = createServer((client) => {
    const inner = connect(behind, "127.0.0.1");
    let peerPort = 0;
    inner.once("connect", () => {
      peerPort = inner.localPort ?? 0;
      pairs.set(peerPort, { client, inner });
    });
    const end = () => {
      client.destroy();
      inner.destroy();
      if (pairs.delete(peerPort)) for (const listener of listeners) listener(peerPort);
    };
    client.setNoDelay(true).on("error", end).on("close", end);
    inner.setNoDelay(true).on("error", end).on("close", end);
    client.pipe(inner).pipe(client);
  });
  await listen(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    cut(peerPort) {
      const pair = pairs.get(peerPort);
      // A process that dies closes its sockets: the engine reads an end of file.
      pair?.client.end(() => pair.client.destroy());
      pair?.inner.destroy();
    },
    onEnd: (listener) => void listeners.push(listener),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const { client, inner } of pairs.values()) {
          client.destroy();
          inner.destroy();
        }
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
}
