/** Which versions belong together: the engine equals the SDK, plugins equal their SDKs. package.json decides. */
import { readFileSync } from "node:fs";

export type Pins = {
  /** Version of the Pulumi CLI, without "v". */
  engine: string;
  /** Resource plugins by name. */
  plugins: Record<string, string>;
};

const pluginPackages = {
  hcloud: "@pulumi/hcloud",
  cloudflare: "@pulumi/cloudflare",
  command: "@pulumi/command",
};

/** @throws when a package is missing or not pinned exactly. */
export function readPins(
  packageJson: string = readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
): Pins {
  const parsed: unknown = JSON.parse(packageJson);
  const plugins = Object.entries(pluginPackages).map(([name, npm]) => [name, findPin(parsed, npm)]);
  return { engine: findPin(parsed, "@pulumi/pulumi"), plugins: Object.fromEntries(plugins) };
}

function findPin(packageJson: unknown, name: string): string {
  const dependencies =
    typeof packageJson === "object" && packageJson !== null && "dependencies" in packageJson
      ? packageJson.dependencies
      : {};
  const entries = Object.entries(dependencies ?? {});
  const version: unknown = entries.find(([candidate]) => candidate === name)?.[1];
  if (typeof version === "string" && /^\d+\.\d+\.\d+$/.test(version)) return version;
  throw new Error(`package.json must pin ${name} exactly, it says ${String(version)}`);
}
