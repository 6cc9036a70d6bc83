/** A provider server as a process that can be killed and comes back on the same port. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ProviderName, ProvidersOptions } from "../sandbox/providers/providers.ts";
import type { Supervisable } from "./supervisor.ts";

const entry = fileURLToPath(new URL("../sandbox/providers/main.ts", import.meta.url));

/** @throws when it ends before it listens. */
export async function startProviderProcess(
  name: ProviderName,
  port: number,
  options: ProvidersOptions,
): Promise<Supervisable> {
  const child = spawn(process.execPath, ["--import", "tsx", entry], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HCLOUD_ENDPOINT: options.hcloudEndpoint,
      CLOUDFLARE_BASE_URL: options.cloudflareBaseUrl,
      SANDBOX_TIME_SCALE: String(options.timeScale ?? 1),
      SANDBOX_PROVIDER: name,
      SANDBOX_PROVIDER_PORT: String(port),
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-1000)));
  const ended = new Promise<number>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? (signal === "SIGKILL" ? 137 : 1)));
    child.once("error", () => resolve(1));
  });
  const listening = new Promise<"listening">((resolve) =>
    child.stdout.once("data", () => resolve("listening")),
  );
  const first = await Promise.race([listening, ended]);
  if (first !== "listening") throw new Error(`the provider server ${name} ended with ${first}: ${said}`);
  return {
    pid: child.pid ?? 0,
    ended,
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}
