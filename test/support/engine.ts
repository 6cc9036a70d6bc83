/** The real engine on small programs, state in a scratch folder: for tests of providers and components. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  LocalWorkspace,
  PulumiCommand,
  type EngineEvent,
  type Stack,
} from "@pulumi/pulumi/automation/index.js";
import { findEngine } from "../../infra/engine/install.ts";
import { readPins } from "../../infra/engine/pins.ts";
import { createTools } from "../../infra/engine/tools.ts";

export type Program = () => Promise<Record<string, unknown>>;

export type TestEngine = {
  /** The stack of this name with this program from now on; made at its first use. */
  open(stack: string, program: Program): Promise<Stack>;
  close(): Promise<void>;
};

const project = "test";

/** undefined when no engine is installed. */
export async function findTestEngine(): Promise<string | undefined> {
  return (await findEngine(createTools(process.env), readPins()))?.binFolder;
}

/** `environment` leads to providers and clouds. */
export async function startTestEngine(environment: Record<string, string>): Promise<TestEngine> {
  const binFolder = await findTestEngine();
  if (binFolder === undefined) throw new Error("the Pulumi engine is not installed; run: npm run engine");
  const home = await mkdtemp(join(tmpdir(), "clawfleet-stacks-"));
  const pulumiCommand = await PulumiCommand.get({ root: dirname(binFolder) });
  return {
    async open(stackName, program) {
      const workDir = join(home, `work-${stackName}`);
      await mkdir(workDir, { recursive: true });
      return await LocalWorkspace.createOrSelectStack(
        { stackName, projectName: project, program },
        {
          workDir,
          pulumiCommand,
          envVars: {
            PULUMI_CONFIG_PASSPHRASE: "test",
            PULUMI_SKIP_UPDATE_CHECK: "true",
            PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
            ...environment,
            PULUMI_BACKEND_URL: `file://${home}`,
          },
          projectSettings: { name: project, runtime: { name: "nodejs", options: { typescript: false } } },
        },
      );
    },
    close: () => rm(home, { recursive: true, force: true }),
  };
}

/** What the engine announces for each resource of these providers, `server replace` and the like; same ones left out. */
export function createEffects(): { onEvent: (event: EngineEvent) => void; list(): string[] } {
  const effects = new Map<string, string>();
  return {
    onEvent({ resourcePreEvent }) {
      if (!resourcePreEvent) return;
      const { op, urn, type } = resourcePreEvent.metadata;
      if (op === "same" || op === "read" || !/^(hcloud|cloudflare|command):/.test(type)) return;
      const name = urn.slice(urn.lastIndexOf("::") + 2);
      effects.set(name, op.includes("replace") ? "replace" : (effects.get(name) ?? op));
    },
    list: () => [...effects].map(([name, effect]) => `${name} ${effect}`).toSorted(),
  };
}
