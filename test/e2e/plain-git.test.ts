/**
 * Proves GitOps with any forge: real git repositories, the real engine, and CI that only has `fleet plan` and a key of its own. What
 * GitHub's App does beside it is gitops.test.ts' matter.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unwrap } from "../../reconciler/cli/client.ts";
import { runScript } from "../sandbox/demo/visitor.ts";
import { createRepository, type Repository } from "../sandbox/github/repository.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";

const obstacle = await findObstacle();
const waitMs = 240_000;

describe.skipIf(obstacle !== undefined)("with plain git, and no App", () => {
  let repository: Repository;
  let fleet: Fleet;
  let dataDir: string;
  let key: string;

  /** As CI does. */
  const run = (...args: string[]) =>
    runScript("reconciler/cli/main.ts", args, {
      ...fleet.service.env,
      CLAWFLEET_ADMIN_KEY: key,
      GIT_DIR: repository.gitDir,
    });
  const rules = () =>
    fleet.sandbox.hetzner
      .project()
      .firewalls()
      .find(({ name }) => name === "cf-ada")?.rules.length ?? 0;
  const override = (...ports: number[]) => ({
    "stacks/Pulumi.ada.yaml": `config:\n  clawfleet:extraFirewallRules:\n${ports
      .map(
        (port) => `    - { description: game, protocol: udp, port: "${port}", sourceIps: [192.0.2.0/24] }\n`,
      )
      .join("")}`,
  });

  beforeAll(async () => {
    const files: Record<string, string> = {};
    for (const name of await readdir(sandboxStacks))
      files[`stacks/${name}`] = await readFile(join(sandboxStacks, name), "utf8");
    repository = await createRepository(files);
    dataDir = await mkdtemp(join(tmpdir(), "clawfleet-data-"));
    fleet = await startFleet({
      CLAWFLEET_DATA_DIR: dataDir,
      CLAWFLEET_STACKS_DIR: "/nonexistent",
      CLAWFLEET_GIT_URL: repository.url,
    });
    await fleet.provision("ada");
    await fleet.untilStatus("ada", "ready");
    const made = await unwrap(fleet.client.keys.$post({ json: { name: "ci", scopes: ["plan"] } }));
    key = made.key;
  });
  afterAll(async () => {
    await fleet?.close();
    await repository?.close();
    if (dataDir) await rm(dataDir, { recursive: true, force: true });
  });

  test.each([
    ["merge", 21, [5000]],
    ["squash", 22, [5000, 5001]],
  ] as const)("a request that CI planned is applied after a %s", async (how, number, ports) => {
    const before = rules();
    const head = await repository.commit(`ports-${number}`, override(...ports));
    const range = ["--head", `origin/ports-${number}`, "--request", String(number)];
    const planned = await run("plan", ...range, "--format", "markdown");
    expect([planned.code, planned.output]).toEqual([0, expect.stringContaining("| 🟡 ada |")]);
    const commit = await repository.merge(head, `Request ${number}`, how);
    expect((await run("git", "sync")).code).toBe(0);
    const push = await eventually(
      `${commit} is decided about`,
      async () =>
        (await unwrap(fleet.client.git.$get())).pushes.find(
          (one) => one.commit === commit && one.outcome !== null,
        ),
      waitMs,
    );
    expect(push).toMatchObject({ outcome: "applied", detail: `as reviewed in #${number}` });
    await eventually("the port is open", () => rules() > before, waitMs);
    await fleet.untilStatus("ada", "ready");
  });

  test("the key of CI can do nothing else", async () => {
    const denied = await run("suspend", "ada");
    expect([denied.code, denied.output]).toEqual([4, expect.stringContaining("scope")]);
  });
});
