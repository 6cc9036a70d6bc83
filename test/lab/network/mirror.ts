/** The distributions' archives and npm's registry, as far as a first boot asks: served from what apt and npm fetched beforehand. */
import { createReadStream, existsSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";

type Handler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** apt's own caches: `lists` as it names them, `packages` as they came. Signatures and hashes are the distribution's. */
export function createAptMirror(folder: string): Handler {
  const packages = new Map(
    // apt keeps the epoch in the file's name, the archive does not.
    readdirSync(join(folder, "packages")).map((file) => [file.replace(/_\d+%3a/, "_"), file]),
  );
  return (incoming, outgoing) => {
    const host = incoming.headers.host ?? "";
    const path = decodeURIComponent((incoming.url ?? "/").split("?")[0] ?? "/");
    const pooled = packages.get(path.split("/").at(-1) ?? "");
    const list = join(folder, "lists", `${host}${path}`.replaceAll("/", "_"));
    if (path.includes("/pool/") && pooled !== undefined)
      return sendFile(outgoing, join(folder, "packages", pooled));
    if (path.includes("/dists/") && existsSync(list)) return sendFile(outgoing, list);
    outgoing.writeHead(404).end();
  };
}

/** npm's cache: packuments and tarballs by their address, with npm's own hashes. */
export function createNpmRegistry(cacheFolder: string, host: string): Handler {
  const contents = readNpmCache(join(cacheFolder, "_cacache"));
  return (incoming, outgoing) => {
    const url = `https://${host}${(incoming.url ?? "/").split("?")[0]}`;
    const found =
      contents.get(url) ?? contents.get(decodeURIComponent(url)) ?? contents.get(encodeScope(url));
    if (found === undefined)
      return void outgoing.writeHead(404, { "content-type": "application/json" }).end("{}");
    sendFile(outgoing, found.path, found.type);
  };
}

/** npm asks for `@scope%2fname`; caches may hold either form. */
function encodeScope(url: string): string {
  return url.replace(/\/(@[^/]+)\/([^/]+)$/, "/$1%2f$2");
}

type CacheEntry = {
  key: string;
  integrity?: string | null;
  metadata?: { resHeaders?: Record<string, string> };
};

/** cacache's layout: index buckets of `hash<tab>json` lines, contents by hash. */
function readNpmCache(folder: string): Map<string, { path: string; type: string }> {
  const found = new Map<string, { path: string; type: string }>();
  for (const file of readdirSync(join(folder, "index-v5"), { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    for (const line of readFileSync(join(file.parentPath, file.name), "utf8").split("\n")) {
      if (!line.includes("\t")) continue;
      const entry = JSON.parse(line.slice(line.indexOf("\t") + 1)) as CacheEntry;
      const url = /^make-fetch-happen:request-cache:(.+)$/.exec(entry.key)?.[1];
      if (url === undefined || !entry.integrity) continue;
      const [algorithm = "", hash = ""] = entry.integrity.split(" ")[0]?.split(/-(.*)/s) ?? [];
      const hex = Buffer.from(hash, "base64").toString("hex");
      const path = join(folder, "content-v2", algorithm, hex.slice(0, 2), hex.slice(2, 4), hex.slice(4));
      found.set(url, {
        path,
        type: entry.metadata?.resHeaders?.["content-type"] ?? "application/octet-stream",
      });
    }
  }
  return found;
}

function sendFile(outgoing: ServerResponse, path: string, type = "application/octet-stream"): void {
  const file = createReadStream(path);
  file.once("error", () => outgoing.destroy());
  file.once("open", () => outgoing.writeHead(200, { "content-type": type }));
  file.pipe(outgoing);
}
