/** A socket file, shared with the host, that leads to a port of this machine. */
import { connect, createServer } from "node:net";
import { rmSync } from "node:fs";

export function openTunnel(path: string, target: { host: string; port: number }): void {
  rmSync(path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (outside) => {
    const inside = connect({ ...target, allowHalfOpen: true });
    outside.on("error", () => inside.destroy());
    inside.on("error", () => outside.destroy());
    outside.pipe(inside).pipe(outside);
  });
  server.listen(path);
}
