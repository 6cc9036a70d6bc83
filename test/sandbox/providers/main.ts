/**
 * Provider servers as a process of their own: all of them, or the one that SANDBOX_PROVIDER names, on SANDBOX_PROVIDER_PORT.
 * Prints the ports as one JSON line, ends with its parent's pipe.
 */
import { providerNames, startProvider, startProviders } from "./providers.ts";

const options = {
  hcloudEndpoint: process.env["HCLOUD_ENDPOINT"] ?? "",
  cloudflareBaseUrl: process.env["CLOUDFLARE_BASE_URL"] ?? "",
  timeScale: Number(process.env["SANDBOX_TIME_SCALE"] ?? "1"),
};

async function start(): Promise<string> {
  const wanted = process.env["SANDBOX_PROVIDER"];
  const name = providerNames.find((one) => one === wanted);
  if (wanted !== undefined && name === undefined) throw new Error(`there is no provider ${wanted}`);
  if (name === undefined) return (await startProviders(options)).debugProviders;
  const { port } = await startProvider(name, options, Number(process.env["SANDBOX_PROVIDER_PORT"] ?? "0"));
  return `${name}:${port}`;
}

process.stdout.write(`${JSON.stringify({ debugProviders: await start() })}\n`);
process.stdin.resume().once("end", () => process.exit(0));
process.once("SIGTERM", () => process.exit(0));
