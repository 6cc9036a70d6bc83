/** A way to a server that can be cut: silently as a network is, or in the middle of a question as when the server dies. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** PostgreSQL's last words to a client when it is stopped: protocol 3.0, ErrorResponse. */
const shuttingDown = toErrorResponse({
  S: "FATAL",
  V: "FATAL",
  C: "57P01",
  M: "terminating connection due to administrator command",
});

function toErrorResponse(fields: Record<string, string>): Buffer {
  const body = Object.entries(fields).map(([name, value]) => `${name}${value}\0`);
  const text = Buffer.from(`${body.join("")}\0`);
  const head = Buffer.from("E\0\0\0\0");
  head.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([head, text]);
}

export type Proxy = {
  port: number;
  /** Connections stay open, and nothing gets through any more. */
  cut(): void;
  /** All connections end now, and from now on that of whoever sends this text; `undefined` ends the second. */
  drop(text: string | undefined): void;
  /** How many of the second kind. */
  dropped(): number;
  close(): Promise<void>;
};

export async function startProxy(target: { host: string; port: number }): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let unbearable: string | undefined;
  let dropped = 0;
  const server = createServer((near) => {
    const far = connect(target.port, target.host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("data", (bytes) => {
        if (unbearable !== undefined && bytes.includes(unbearable)) {
          dropped += 1;
          near.end(shuttingDown);
          far.destroy();
        } else if (!isCut) to.write(bytes);
      });
      from.on("error", () => undefined);
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      isCut = true;
    },
    drop(text) {
      unbearable = text;
      for (const socket of sockets) socket.destroy();
    },
    dropped: () => dropped,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
