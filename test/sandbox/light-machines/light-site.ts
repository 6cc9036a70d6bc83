/** HTTPS of one machine as a visitor sees it: the gateway behind the proxy, which takes the configured token. */
import { createServer } from "node:https";
import type { Disk } from "./light-machine.ts";
import { tokenOf } from "./light-scripts.ts";

export type LightSite = {
  /** New visitors get this certificate from now on. */
  use(pair: { key: string; cert: string }): void;
  close(): Promise<void>;
};

export async function startLightSite(host: string, port: number, disk: () => Disk): Promise<LightSite> {
  const server = createServer((request, response) => {
    const token = tokenOf(disk());
    const given = request.headers.authorization === `Bearer ${token ?? ""}` && token !== undefined;
    response.writeHead(given ? 200 : 401, { "content-type": "application/json", connection: "close" });
    response.end(given ? '{"object":"list","data":[]}' : '{"error":"unauthorized"}');
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  return {
    use: (pair) => server.setSecureContext(pair),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
