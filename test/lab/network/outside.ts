/** The outside world of the lab: names, Debian's archive, npm's registry, a model provider. Nothing else is reachable. */
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { join } from "node:path";
import type { Authority } from "./authority.ts";
import { createAptMirror, createNpmRegistry } from "./mirror.ts";
import { createModelServer, type ModelServer } from "./model-server.ts";
import { startNameServer } from "./names.ts";
import { addresses } from "./network.ts";

export type Outside = { models: ModelServer; close(): Promise<void> };

const registry = "registry.npmjs.org";
const names: Record<string, string> = {
  "deb.debian.org": addresses.mirror,
  "security.debian.org": addresses.mirror,
  [registry]: addresses.mirror,
  "api.anthropic.com": addresses.models,
};

export async function startOutside(packages: string, authority: Authority): Promise<Outside> {
  const models = createModelServer();
  const nameServer = await startNameServer({ address: addresses.names, lookUp: (name) => names[name] });
  const apt = createHttpServer(createAptMirror(join(packages, "apt")));
  const npm = await serveTls(authority, registry, createNpmRegistry(join(packages, "npm"), registry));
  const model = await serveTls(authority, "api.anthropic.com", (incoming, outgoing) =>
    models.handle(incoming, outgoing),
  );
  await listen(apt, 80, addresses.mirror);
  await listen(npm, 443, addresses.mirror);
  await listen(model, 443, addresses.models);
  return {
    models,
    async close() {
      await nameServer.close();
      for (const server of [apt, npm, model]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

type Handler = Parameters<typeof createHttpServer>[1] & {};

async function serveTls(authority: Authority, name: string, handle: Handler) {
  const { certificate, key } = await authority.sign(name, [name], "server");
  return createHttpsServer({ cert: certificate, key }, handle);
}

function listen(server: HttpServer, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, address, () => resolve());
  });
}
