#!/usr/bin/env node
/** `fleet` as npm installs it. Where Node strips no types (below a node_modules, before release 22.18) tsx reads the sources. */
if (import.meta.url.includes("/node_modules/") || !process.features.typescript) {
  const { register } = await import("tsx/esm/api");
  register();
}
await import("./main.ts");
