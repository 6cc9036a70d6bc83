/** The same program as most people drive it: a local program, through the Automation API's usual calls or by the bare CLI. */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LocalWorkspace, type ConfigMap } from "@pulumi/pulumi/automation/index.js";

export type Drive = (stack: string) => Promise<void>;

const program = fileURLToPath(new URL("../../infra/index.ts", import.meta.url));
const execute = promisify(execFile);

/** A folder with a project file that names the product's own program. */
export async function createProject(home: string, name: string): Promise<string> {
  const folder = join(home, name);
  await mkdir(folder, { recursive: true });
  const lines = [
    "name: clawfleet",
    "runtime:",
    "  name: nodejs",
    "  options: { typescript: false }",
    `main: ${program}`,
  ];
  await writeFile(join(folder, "Pulumi.yaml"), `${lines.join("\n")}\n`);
  return folder;
}

/** What a customer needs, as a program takes it that reads no rows; ours ignores it. */
function configOf(stack: string): ConfigMap {
  const plain = { slug: stack, plan: "starter", serverType: "cx23", location: "nbg1", zone: "claws.example" };
  const secret = { gatewayToken: "t".repeat(64), hostKey: "k".repeat(400), anthropicKey: "a".repeat(108) };
  return Object.fromEntries([
    ...Object.entries(plain).map(([key, value]) => [`clawfleet:${key}`, { value }]),
    ...Object.entries(secret).map(([key, value]) => [`clawfleet:${key}`, { value, secret: true }]),
  ]);
}

/** In a process that lives on, so that no start of Node is counted. */
export function createNaive(workDir: string, environment: Record<string, string>): Drive {
  return async (stackName) => {
    const stack = await LocalWorkspace.createOrSelectStack({ stackName, workDir }, { envVars: environment });
    await stack.setAllConfig(configOf(stackName));
    await stack.up();
  };
}

export function createBareCli(
  cwd: string,
  environment: Record<string, string>,
): { init: Drive; up: Drive; refresh: Drive } {
  const pulumi = async (...args: string[]) => {
    await execute("pulumi", [...args, "--non-interactive"], {
      cwd,
      env: environment,
      maxBuffer: 64 * 2 ** 20,
    });
  };
  return {
    init: (stack) => pulumi("stack", "init", stack),
    up: (stack) => pulumi("up", "--yes", "--stack", stack),
    refresh: (stack) => pulumi("refresh", "--yes", "--stack", stack),
  };
}
