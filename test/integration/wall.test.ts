/**
 * Proves of the machine's own wall, in the kernel's hands and with both reaches, who opens which port over which network and
 * what a customer's program reaches outside. It needs root; that a machine loads the file at its boot is `make lab`'s part.
 */
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../infra/engine/tools.ts";
import { machineFiles } from "../support/machine-files.ts";

const bench = fileURLToPath(new URL("../support/wall-bench.sh", import.meta.url));
const { code: unusable } = await runCommand(
  "unshare",
  ["--net", "sh", "-c", "command -v nft ip setpriv && nft list ruleset && ip link set lo up"],
  { timeoutMs: 10_000 },
);
if (unusable !== 0) process.stderr.write("skipped: the wall needs root, nft, ip and network namespaces\n");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wall-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function scan(name: string, sshFrom?: string): Promise<string[]> {
  const at = join(folder, name);
  const files = {
    "nftables.conf": "/usr/local/lib/clawfleet/nftables.conf",
    "clawfleet/reach.nft": "/etc/clawfleet/reach.nft",
  };
  await mkdir(join(at, "clawfleet"), { recursive: true });
  const onMachine = machineFiles(sshFrom === undefined ? {} : { sshFrom });
  for (const [file, path] of Object.entries(files)) {
    await mkdir(dirname(join(at, file)), { recursive: true });
    await writeFile(join(at, file), onMachine.get(path) ?? "");
  }
  await writeFile(join(at, "clawfleet/ports.nft"), "tcp dport 5000 accept\n");
  const { code, stdout, stderr } = await runCommand("unshare", ["--net", bench, at, process.execPath], {
    timeoutMs: 60_000,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trim().split("\n");
}

const outward = [
  "root to the backend: 443",
  "agent to the backend: nothing",
  "agent to the internet: 443",
  "renewal: heard 68",
];

describe.skipIf(unusable !== 0)("the machine's own wall", () => {
  test("reach private: SSH and the gateway for the backend's one address, for neighbours nothing", async () => {
    expect(await scan("private", "10.0.0.2")).toEqual([
      "internet: 443 5000",
      "backend: 22 18789",
      "neighbour: nothing",
      "backend, forged: nothing",
      ...outward,
    ]);
  });

  test("reach public: SSH from the internet, and nothing for anybody in the private network", async () => {
    expect(await scan("public")).toEqual([
      "internet: 22 443 5000",
      "backend: nothing",
      "neighbour: nothing",
      "backend, forged: nothing",
      ...outward,
    ]);
  });
});
