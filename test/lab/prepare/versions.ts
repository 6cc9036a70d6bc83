/** What a lab is made of; another version of any of it is another cache. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findCacheRoot } from "../../../infra/engine/cache.ts";
import { firstBootFiles } from "../../../cloud-init/files.ts";
import { imageVersions } from "../../../cloud-init/user-data.ts";
import { cellSettingsSchema } from "../../../infra/config.ts";

export type LabVersions = {
  /** Debian release: `bookworm` (12, the default) or `trixie` (13). */
  suite: string;
  node: string;
  npm: string;
  openclaw: string;
  /** Debian packages that the first boot installs. */
  packages: string[];
};

export function readVersions(environment: Readonly<Record<string, string | undefined>>): LabVersions {
  const { openclawVersion } = cellSettingsSchema.parse({ zone: "claws.example" });
  return {
    suite: environment["LAB_SUITE"] ?? "bookworm",
    node: imageVersions.node,
    npm: imageVersions.npm,
    openclaw: openclawVersion,
    packages: firstBootFiles.packages.split("\n").filter((line) => line !== "" && !line.startsWith("#")),
  };
}

export type LabCache = { baseImage: string; packages: string; lock: string };

/** Below CLAWFLEET_CACHE or the user's cache folder, never in the checkout. */
export function labCache(
  environment: Readonly<Record<string, string | undefined>>,
  versions: LabVersions,
): LabCache {
  const root = join(findCacheRoot(environment), "lab");
  const hash = (parts: unknown[]) =>
    createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);
  const image = hash([versions.suite, scriptText("base-image.sh")]);
  const packages = hash([image, versions, scriptText("packages.sh")]);
  return {
    baseImage: join(root, `${versions.suite}-${image}`),
    packages: join(root, `packages-${versions.openclaw}-${packages}`),
    lock: join(root, "lock"),
  };
}

function scriptText(name: string): string {
  return readFileSync(new URL(`./${name}`, import.meta.url), "utf8");
}
