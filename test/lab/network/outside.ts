/** The outside world of the lab: names, the archives of Debian and Ubuntu, npm's registry, a model provider, Telegram. Nothing else is reachable. */
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { join } from "node:path";
import type { Authority } from "./authority.ts";
import { createAptMirror, createNpmRegistry } from "./mirror.ts";
import { createModelServer, type ModelServer } from "./model-server.ts";
import { startNameServer } from "./names.ts";
import { addresses } from "./network.ts";
import { createTelegram, type Telegram } from "./telegram.ts";

export type Outside = { models: ModelServer; telegram: Telegram; close(): Promise<void> };

const registry = "registry.npmjs.org";
const names: Record<string, string> = {
  "deb.debian.org": addresses.mirror,
  "security.debian.org": addresses.mirror,
  "archive.ubuntu.com": addresses.mirror,
  "security.ubuntu.com": addresses.mirror,
  [registry]: addresses.mirror,
  "api.anthropic.com": addresses.models,
  "api.telegram.org": addresses.telegram,
};

export async function startOutside(packages: string, authority: Authority): Promise<Outside> {
  const models = createModelServer();
  const telegram = createTelegram();
  const nameServer = await startNameServer({ address: addresses.names, lookUp: (name) => names[name] });
  const apt = createHttpServer(createAptMirror(join(packages, "apt")));
  const npm = await serveTls(authority, registry, createNpmRegistry(join(packages, "npm"), registry));
  const model = await serveTls(authority, "api.anthropic.com", (incoming, outgoing) =>
    models.handle(incoming, outgoing),
  );
  const bots = await serveTls(authority, "api.telegram.org", (incoming, outgoing) =>
    telegram.handle(incoming, outgoing),
  );
  await listen(apt, 80, addresses.mirror);
  await listen(npm, 443, addresses.mirror);
  await listen(model, 443, addresses.models);
  await listen(bots, 443, addresses.telegram);
  return {
    models,
    telegram,
    async close() {
      await nameServer.close();
      for (const server of [apt, npm, model, bots]) {
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
