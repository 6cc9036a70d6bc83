/** A listening HTTP server, begun and ended. */
import { serve, type ServerType } from "@hono/node-server";
import type { Address } from "../config.ts";

export type HttpServer = { url: string; close(): Promise<void> };

/** @throws when the address cannot be had. */
export async function listen(
  fetchHandler: Parameters<typeof serve>[0]["fetch"],
  address: Address,
): Promise<HttpServer> {
  const server = await new Promise<ServerType>((resolve, reject) => {
    const made = serve({ fetch: fetchHandler, ...address }, () => resolve(made));
    made.once("error", reject);
  });
  return { url: `http://${address.hostname}:${address.port}`, close: () => close(server) };
}

function close(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // Followers of an order hold theirs for minutes.
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
}
