/** Which resource plugins an engine would find: for a word of warning, since an engine alone reaches no cloud. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { Pins } from "./pins.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** `name version` of those that are neither in PULUMI_HOME nor on PATH. */
export function findMissingPlugins(environment: Environment, pins: Pins): string[] {
  const home = environment["PULUMI_HOME"] || join(homedir(), ".pulumi");
  const folders = (environment["PATH"] ?? "").split(delimiter).filter(Boolean);
  return Object.entries(pins.plugins)
    .filter(([name, version]) => {
      const installed = existsSync(join(home, "plugins", `resource-${name}-v${version}`));
      return !installed && !folders.some((folder) => existsSync(join(folder, `pulumi-resource-${name}`)));
    })
    .map(([name, version]) => `${name} ${version}`);
}
