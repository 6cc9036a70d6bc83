/** The provider servers as a process of their own: prints their ports as one JSON line, ends with its parent's pipe. */
import { startProviders } from "./providers.ts";

const providers = await startProviders({
  hcloudEndpoint: process.env["HCLOUD_ENDPOINT"] ?? "",
  cloudflareBaseUrl: process.env["CLOUDFLARE_BASE_URL"] ?? "",
  timeScale: Number(process.env["SANDBOX_TIME_SCALE"] ?? "1"),
});
process.stdout.write(`${JSON.stringify({ debugProviders: providers.debugProviders })}\n`);
process.stdin.resume().once("end", () => process.exit(0));
process.once("SIGTERM", () => process.exit(0));
