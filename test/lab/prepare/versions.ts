/** What a lab is made of; another version of any of it is another cache. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findCacheRoot } from "../../../infra/engine/cache.ts";
import { firstBootFiles } from "../../../cloud-init/files.ts";
import { imageVersions } from "../../../cloud-init/user-data.ts";
import { cellSettingsSchema } from "../../../infra/config.ts";

/** By the archive's name of a release, Hetzner's name of the image. */
export const images = { bookworm: "debian-12", trixie: "debian-13", noble: "ubuntu-24.04" } as const;
export type Suite = keyof typeof images;
const suites: readonly Suite[] = ["bookworm", "trixie", "noble"];

export type LabVersions = {
  /** `bookworm` is the default. */
  suite: Suite;
  node: string;
  npm: string;
  openclaw: string;
  /** Packages of the distribution that the first boot installs. */
  packages: string[];
};

export function readVersions(environment: Readonly<Record<string, string | undefined>>): LabVersions {
  const { openclawVersion } = cellSettingsSchema.parse({ zone: "claws.example" });
  return {
    suite: parseSuite(environment["LAB_SUITE"] ?? "bookworm"),
    node: imageVersions.node,
    npm: imageVersions.npm,
    openclaw: openclawVersion,
    packages: firstBootFiles.packages.split("\n").filter((line) => line !== "" && !line.startsWith("#")),
  };
}

function parseSuite(text: string): Suite {
  const suite = suites.find((one) => one === text);
  if (suite === undefined) throw new Error(`LAB_SUITE is one of ${suites.join(", ")}, not ${text}`);
  return suite;
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
    packages: join(root, `packages-${versions.suite}-${versions.openclaw}-${packages}`),
    lock: join(root, "lock"),
  };
}

function scriptText(name: string): string {
  return readFileSync(new URL(`./${name}`, import.meta.url), "utf8");
}
