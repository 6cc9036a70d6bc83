/** The real engine with the stand-ins attached to simulated clouds, without machines. */
import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { runCommand } from "../../infra/engine/tools.ts";
import { createCloudChecks } from "./cloud-checks.ts";
import { startTestEngine, type TestEngine } from "./engine.ts";
import { startCloudflare, type Cloudflare } from "../sandbox/cloudflare/cloudflare.ts";
import { startHetzner, type Hetzner } from "../sandbox/hetzner/hetzner.ts";
import { startProviders } from "../sandbox/providers/providers.ts";

export const zoneName = "claws.example";

export type Bench = {
  hetzner: Hetzner;
  cloudflare: Cloudflare;
  open: TestEngine["open"];
  /** Fails when a cloud said what the real one cannot say. */
  close(): Promise<void>;
};

/** Waits of the providers take a thousandth of their time. */
export async function startBench(): Promise<Bench> {
  const conformity = createCloudChecks();
  const { checks } = conformity;
  const hetzner = await startHetzner(checks.hetzner ? { check: checks.hetzner } : {});
  const cloudflare = await startCloudflare({ zones: [{ name: zoneName }], check: checks.cloudflare });
  const providers = await startProviders({
    hcloudEndpoint: hetzner.url,
    cloudflareBaseUrl: cloudflare.url,
    timeScale: 0.001,
  });
  const engine = await startTestEngine({ PULUMI_DEBUG_PROVIDERS: providers.debugProviders });
  return {
    hetzner,
    cloudflare,
    open: (stack, program) => engine.open(stack, program),
    async close() {
      await engine.close();
      await providers.close();
      await Promise.all([hetzner.close(), cloudflare.close()]);
      conformity.expectConform([]);
    },
  };
}

/** The state with its secrets encrypted, as it lies in the backend; the Automation API would decrypt them. */
export async function readState({ name, workspace }: Stack): Promise<string> {
  const { pulumiCommand, workDir: cwd, envVars } = workspace;
  const env = { ...process.env, ...envVars };
  const exported = await runCommand(pulumiCommand.command, ["stack", "export", "--stack", name], {
    cwd,
    env,
    timeoutMs: 20_000,
  });
  return JSON.stringify(JSON.parse(exported.stdout));
}

/** What an `up`, `refresh` or `preview` did to the clouds' resources: `server update`, in alphabetical order; `same` left out. */
export function createSteps(): { onEvent: (event: EngineEvent) => void; list: () => string[] } {
  const effects: string[] = [];
  return {
    onEvent({ resOutputsEvent, resourcePreEvent }) {
      const metadata = resOutputsEvent?.metadata ?? resourcePreEvent?.metadata;
      if (
        !metadata ||
        !/^(hcloud|cloudflare|command):/.test(metadata.type) ||
        ["same", "refresh"].includes(metadata.op)
      )
        return;
      const effect = `${metadata.urn.slice(metadata.urn.lastIndexOf("::") + 2)} ${metadata.op}`;
      if (!effects.includes(effect)) effects.push(effect);
    },
    list: () => effects.toSorted(),
  };
}
