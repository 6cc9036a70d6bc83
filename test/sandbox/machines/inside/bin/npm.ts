#!/run/sandbox/node
/** npm: `install --global --prefix FOLDER openclaw@VERSION`, and `pack`. */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { isRegistryAway } from "../registry.ts";

const code = "/run/sandbox/code";

function fail(kind: string, message: string): never {
  process.stderr.write(`npm error code ${kind}\nnpm error ${message}\n`);
  process.exit(1);
}

function link(target: string, path: string): void {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

/** What lands under `<prefix>/lib/node_modules/<name>` and in `<prefix>/bin`. */
const packages: Record<string, (prefix: string, folder: string, version: string) => void> = {
  openclaw(prefix, folder, version) {
    const allowed = values["allow-scripts"]?.split(",").includes("openclaw") ?? false;
    if (!allowed) process.stderr.write("npm warn scripts of openclaw were blocked\n");
    mkdirSync(`${folder}/dist`, { recursive: true });
    writeFileSync(
      `${folder}/dist/index.js`,
      `import { runGateway } from "${code}/packages/gateway.ts";\nawait runGateway(${JSON.stringify(version)}, ${allowed});\n`,
    );
    writeFileSync(`${folder}/openclaw.mjs`, 'import "./dist/index.js";\n');
    chmodSync(`${folder}/openclaw.mjs`, 0o755);
    link(`${folder}/openclaw.mjs`, `${prefix}/bin/openclaw`);
  },
};

if (isRegistryAway()) fail("EAI_AGAIN", "request to the registry failed, reason: getaddrinfo EAI_AGAIN");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    global: { type: "boolean", short: "g" },
    prefix: { type: "string" },
    "no-fund": { type: "boolean" },
    "no-audit": { type: "boolean" },
    "no-update-notifier": { type: "boolean" },
    "allow-scripts": { type: "string" },
    "prefer-offline": { type: "boolean" },
    "pack-destination": { type: "string" },
    cache: { type: "string" },
    silent: { type: "boolean" },
  },
});
const [verb, ...specs] = positionals;
if (verb === "pack") {
  writeFileSync(`${values["pack-destination"] ?? "."}/${(specs[0] ?? "").replace("@", "-")}.tgz`, "");
  process.exit(0);
}
if (verb !== "install" && verb !== "i") fail("EUSAGE", `Unknown command: "${verb ?? ""}"`);
if (!values.global && values["allow-scripts"] !== undefined)
  fail("EUSAGE", "--allow-scripts is not allowed in project-scoped installs");
const prefix = values.prefix ?? "/usr/local";
for (const spec of specs) {
  const [, name = "", version = ""] = /^(.+)@([^@]+)$/.exec(spec) ?? [];
  const install = packages[name];
  if (!install) fail("E404", `404 Not Found - GET ${name || spec} - Not found`);
  if (!/^\d+\.\d+\.\d+$/.test(version)) fail("ETARGET", `No matching version found for ${spec}.`);
  const folder = `${prefix}/lib/node_modules/${name}`;
  mkdirSync(folder, { recursive: true });
  mkdirSync(`${prefix}/bin`, { recursive: true });
  writeFileSync(`${folder}/package.json`, JSON.stringify({ name, version, type: "module" }));
  install(prefix, folder, version);
  process.stdout.write(`added 1 package\n`);
}
