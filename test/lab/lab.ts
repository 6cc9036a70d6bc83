/** Everything of one lab: the outside world, machines, clouds, reconciler, and how each goes away again. */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { findFreePort } from "../../reconciler/db/free-port.ts";
import type { Stages } from "../sandbox/demo/stages.ts";
import { startServiceProcess, type ServiceProcess } from "../sandbox/service-process.ts";
import { sandboxStacks, sandboxZone, startSandbox, type Sandbox } from "../sandbox/start.ts";
import type { LabFolders } from "./folders.ts";
import { createRunLayer } from "./machine/disk.ts";
import { createLabMachines, type LabMachines } from "./machine/machines.ts";
import { createAuthority } from "./network/authority.ts";
import { addresses, createNetworks } from "./network/network.ts";
import { startOutside, type Outside } from "./network/outside.ts";

export type Lab = {
  stages: Stages;
  outside: Outside;
  machines: LabMachines;
  sandbox: Sandbox;
  service: ServiceProcess;
  /** What operators edit, as this run has it. */
  stacksDir: string;
  /** What machines and reconciler said, when a stage did not hold. */
  printTrouble(print: (line: string) => void): Promise<void>;
  close(): Promise<void>;
};

export async function createLab(folders: LabFolders, stages: Stages): Promise<Lab> {
  const cleanups: (() => Promise<unknown>)[] = [];
  const close = async () => {
    while (cleanups.length > 0) await cleanups.pop()?.();
  };
  const logFile = join(folders.scratch, "service.log");
  try {
    const { outside, machines, originPulls } = await stages.run(
      "networks and an outside world",
      async (say) => {
        await createNetworks();
        const authority = await createAuthority("Clawfleet lab");
        const world = await startOutside(folders.packages, authority);
        cleanups.push(() => world.close());
        const layer = join(folders.scratch, "run-layer");
        await createRunLayer(layer, folders.baseImage, authority.root);
        const made = createLabMachines({
          scratch: folders.scratch,
          layers: [folders.baseImage, layer],
          group: folders.group,
        });
        cleanups.push(() => made.close());
        say(
          `private network ${addresses.privateNetwork}, worker at ${addresses.backend}; servers in ${addresses.servers}`,
        );
        return {
          outside: world,
          machines: made,
          originPulls: await createAuthority("Origin pulls of the lab"),
        };
      },
    );
    const stacksDir = await writeStacks(folders, originPulls.root);
    const sandbox = await stages.run("simulated clouds, billing and providers", async () =>
      startSandbox({
        servicePort: await findFreePort(),
        driver: machines,
        hetzner: { addressBase: addresses.servers },
        stacksDir,
        timeScale: 1,
        origins: {
          originPort: 443,
          localAddress: addresses.edge,
          client: await originPulls.sign("origin-pull.lab", ["origin-pull.lab"], "client"),
        },
      }),
    );
    cleanups.push(() => sandbox.close());
    const service = await stages.run("reconciler with its own PostgreSQL", async () =>
      startServiceProcess(
        {
          ...sandbox.env,
          CLAWFLEET_DATA_DIR: join(folders.scratch, "data"),
          // A minute in production: nobody wants to wait for three of them and then for thirty.
          CLAWFLEET_PROBE_SECONDS: "3",
        },
        logFile,
      ),
    );
    cleanups.push(() => service.stop());
    const printTrouble = async (print: (line: string) => void) => {
      const log = (await readFile(logFile, "utf8").catch(() => "")).trim().split("\n");
      print(
        `\nthe reconciler said:\n${log
          .filter((line) => /"level":(40|50|60)/.test(line))
          .slice(-8)
          .join("\n")}`,
      );
      for (const id of machines.ids()) {
        const look =
          "tail -n 15 /var/log/cloud-init-output.log; cloud-init status --long; systemctl --failed --no-legend; journalctl --no-pager -n 25";
        print(`\nmachine ${id} said:\n${(await machines.run(id, look)).stdout}`);
      }
    };
    return { stages, outside, machines, sandbox, service, stacksDir, printTrouble, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The sandbox's plans, and a cell as it would be in production: private reach, authenticated origin pulls. */
async function writeStacks({ scratch, image }: LabFolders, originPullCa: string): Promise<string> {
  const folder = join(scratch, "stacks");
  await mkdir(folder);
  await chmod(folder, 0o755);
  await writeFile(join(folder, "plans.yaml"), await readFile(join(sandboxStacks, "plans.yaml"), "utf8"));
  const settings = {
    zone: sandboxZone,
    reach: "private",
    backendPrivateIp: addresses.backend,
    image,
    originPullCa,
  };
  const config = Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`clawfleet:${key}`, value]),
  );
  await writeFile(join(folder, "Pulumi.cell.lab.yaml"), stringify({ config }));
  return folder;
}
