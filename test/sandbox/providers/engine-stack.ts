/** For tests: the real engine with the stand-ins attached to simulated clouds, without machines. Rows only. */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  LocalWorkspace,
  PulumiCommand,
  type EngineEvent,
  type PulumiFn,
  type Stack,
} from "@pulumi/pulumi/automation/index.js";
import { withEngine } from "../../../infra/engine/environment.ts";
import { findEngine } from "../../../infra/engine/install.ts";
import { readPins } from "../../../infra/engine/pins.ts";
import { runCommand } from "../../../infra/engine/tools.ts";
import { startCloudflare, type Cloudflare } from "../cloudflare/cloudflare.ts";
import { startHetzner, type Hetzner } from "../hetzner/hetzner.ts";
import { startProviders } from "./providers.ts";

export const zoneName = "claws.example";

/** Folder of `bin/pulumi`; undefined when the engine is not installed here. */
export async function findEngineRoot(): Promise<string | undefined> {
  const tools = {
    run: runCommand,
    fetch,
    now: () => Date.now(),
    say: () => undefined,
    environment: process.env,
  };
  const engine = await findEngine(tools, readPins());
  return engine && dirname(engine.binFolder);
}

export type Bench = {
  hetzner: Hetzner;
  cloudflare: Cloudflare;
  /** A new stack, with state in a scratch folder that `close` removes. */
  open(name: string, program: PulumiFn): Promise<Stack>;
  /** A stack's state as it lies in the backend. */
  readState(name: string): Promise<string>;
  close(): Promise<void>;
};

/** Waits of the providers take a thousandth of their time. */
export async function startBench(engineRoot: string): Promise<Bench> {
  const home = await mkdtemp(join(tmpdir(), "clawfleet-providers-"));
  const hetzner = await startHetzner();
  const cloudflare = await startCloudflare({ zones: [{ name: zoneName }] });
  const providers = await startProviders({
    hcloudEndpoint: hetzner.url,
    cloudflareBaseUrl: cloudflare.url,
    timeScale: 0.001,
  });
  const pulumiCommand = await PulumiCommand.get({ root: engineRoot });
  const envVars = {
    ...withEngine({ PATH: process.env["PATH"] }, join(engineRoot, "bin"), process.execPath),
    PULUMI_DEBUG_PROVIDERS: providers.debugProviders,
    PULUMI_HOME: join(home, "home"),
    PULUMI_BACKEND_URL: `file://${home}`,
    PULUMI_CONFIG_PASSPHRASE: "only for this test",
  };
  return {
    hetzner,
    cloudflare,
    async open(stackName, program) {
      const workDir = join(home, `work-${stackName}`);
      await mkdir(workDir, { recursive: true });
      return await LocalWorkspace.createStack(
        { stackName, projectName: "bench", program },
        {
          workDir,
          pulumiCommand,
          envVars,
          projectSettings: { name: "bench", runtime: { name: "nodejs", options: { typescript: false } } },
        },
      );
    },
    readState: (name) => readFile(join(home, ".pulumi/stacks/bench", `${name}.json`), "utf8"),
    async close() {
      await providers.close();
      await Promise.all([hetzner.close(), cloudflare.close()]);
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** What an `up`, `refresh` or `preview` did to the clouds' resources: `server update`, in alphabetical order; `same` left out. */
export function createEffects(): { onEvent: (event: EngineEvent) => void; list: () => string[] } {
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
