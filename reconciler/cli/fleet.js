#!/usr/bin/env node
/** `fleet` as npm installs it. Node strips no types of what lies below a node_modules, so that tsx reads the sources there. */
if (import.meta.url.includes("/node_modules/")) {
  const { register } = await import("tsx/esm/api");
  register();
}
await import("./main.ts");
