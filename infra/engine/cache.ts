/** Where the engine lives between checkouts. */
import { homedir } from "node:os";
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** CLAWFLEET_CACHE, else the user's cache folder, `clawfleet` below it. */
export function findCacheRoot(environment: Environment): string {
  const own = environment["CLAWFLEET_CACHE"];
  if (own) return own;
  return join(environment["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "clawfleet");
}

/** Folder of one engine version: `bin/pulumi` and, after an official download, the language hosts beside it. */
export function engineFolder(cacheRoot: string, version: string): string {
  return join(cacheRoot, "engine", version);
}

export function engineBinary(folder: string): string {
  return join(folder, "bin", "pulumi");
}
