/** What breaks, and who puts it right: the machine by itself where it can, else the reconciler, which has read it meanwhile. */
import { strict as assert } from "node:assert";
import { writeFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { FleetHealth } from "../../../reconciler/db/fleet.ts";
import { runScript } from "../../sandbox/demo/visitor.ts";
import { eventually } from "../../support/poll.ts";
import type { Lab } from "../lab.ts";
import { bootId, chatAnswered, fleet, gatewayPid, inside, type Customer } from "./visitor.ts";

const healTimeoutMs = 15 * 60_000;

type Shown = { instance: { health: FleetHealth | null }; operations: { kind: string; reason: string }[] };

async function show(lab: Lab, { slug }: Customer): Promise<Shown> {
  const { code, output } = await runScript(
    "reconciler/cli/main.ts",
    ["show", slug, "--json"],
    lab.service.env,
  );
  assert.equal(code, 0, output);
  return JSON.parse(output) as Shown;
}

const untilHealth = (lab: Lab, customer: Customer, what: string, isThere: (health: FleetHealth) => boolean) =>
  eventually(
    what,
    async () => {
      const { health } = (await show(lab, customer)).instance;
      return health !== null && isThere(health) ? health : undefined;
    },
    healTimeoutMs,
  );

/** How often the reconciler took each step; a stage looks at what it added. */
async function countSteps(lab: Lab, customer: Customer): Promise<Record<"restart" | "reboot", number>> {
  const { operations } = await show(lab, customer);
  const count = (kind: string) =>
    operations.filter((one) => one.kind === kind && one.reason === "heal").length;
  return { restart: count("restart"), reboot: count("reboot") };
}

/** What falls ill again soon goes on climbing the ladder, so that every stage waits until it is at its foot. */
const untilCalm = (lab: Lab, customer: Customer) =>
  untilHealth(
    lab,
    customer,
    "it is well for long",
    ({ verdict, step }) => verdict === "well" && step === null,
  );

export async function readHealth(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("the reconciler reads the machine through the private network", async (say) => {
    await untilCalm(lab, customer);
    const { output } = await runScript("reconciler/cli/main.ts", ["show", customer.slug], lab.service.env);
    for (const line of output.split("\n").filter((text) => /^(health|machine) /.test(text))) say(line);
  });
}

export async function healKilledGateway(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("gateway killed: systemd starts it again", async (say) => {
    const before = await gatewayPid(lab, customer);
    await inside(lab, customer, `kill -9 ${before}`);
    say(`assistant: ${await chatAnswered(lab, customer, "Back after a kill?")}`);
    assert.notEqual(await gatewayPid(lab, customer), before);
  });
}

export async function healStoppedGateway(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("gateway gone and systemd content: the reconciler restarts it", async (say) => {
    await untilCalm(lab, customer);
    const before = await countSteps(lab, customer);
    await inside(lab, customer, "systemctl kill --signal=SIGKILL openclaw; systemctl stop openclaw");
    say(`assistant: ${await chatAnswered(lab, customer, "Back after a stop?", healTimeoutMs)}`);
    assert.deepEqual(await countSteps(lab, customer), { ...before, restart: before.restart + 1 });
  });
}

export async function healDeafGateway(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("gateway alive but deaf, no watchdog: the reconciler restarts it", async (say) => {
    await untilCalm(lab, customer);
    const before = await countSteps(lab, customer);
    await inside(lab, customer, "systemctl stop openclaw-watchdog.timer");
    await deafen(lab, customer);
    say(`assistant: ${await chatAnswered(lab, customer, "Do you hear me?", healTimeoutMs)}`);
    assert.deepEqual(await countSteps(lab, customer), { ...before, restart: before.restart + 1 });
    await inside(lab, customer, "systemctl start openclaw-watchdog.timer");
  });
  await lab.stages.run("gateway alive but deaf, no reconciler: the watchdog kills it", async (say) => {
    await untilCalm(lab, customer);
    const before = await countSteps(lab, customer);
    const override = join(lab.stacksDir, `Pulumi.${customer.slug}.yaml`);
    await writeFile(override, "config:\n  clawfleet:hold: true\n");
    await eventually(
      "it is held",
      async () =>
        (
          await runScript("reconciler/cli/main.ts", ["apply", customer.slug], lab.service.env)
        ).output.includes("held"),
      60_000,
    );
    await deafen(lab, customer);
    say(`assistant: ${await chatAnswered(lab, customer, "And now?", healTimeoutMs)}`);
    const missed = "journalctl --no-pager -o cat -u openclaw-watchdog.service | grep miss | tail -n 1";
    say(await inside(lab, customer, missed));
    assert.deepEqual(await countSteps(lab, customer), before);
    await rm(override);
    await eventually(
      "it is held no longer",
      async () => (await fleet(lab, ["apply", customer.slug]).catch(() => undefined)) !== undefined,
      60_000,
    );
  });
}

/** It stays alive, and its unit active. */
async function deafen(lab: Lab, customer: Customer): Promise<void> {
  await inside(lab, customer, `kill -STOP ${await gatewayPid(lab, customer)}`);
  assert.equal(await inside(lab, customer, "systemctl is-active openclaw.service"), "active");
}

export async function rebootKilledMachine(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("machine killed: the reconciler has it reset, it answers by itself", async (say) => {
    await untilCalm(lab, customer);
    const [before, steps] = [await bootId(lab, customer), await countSteps(lab, customer)];
    await lab.machines.crash(customer.machine);
    assert.equal(lab.machines.isRunning(customer.machine), false);
    say(`assistant: ${await chatAnswered(lab, customer, "Back after a reset?", healTimeoutMs)}`);
    assert.notEqual(await bootId(lab, customer), before);
    assert.deepEqual(await countSteps(lab, customer), { ...steps, reboot: steps.reboot + 1 });
    assert.equal(await inside(lab, customer, "wc -l </var/lib/clawfleet/first-boot.arguments"), "3");
    const count = await inside(lab, customer, "grep -c 'finished at' /var/log/cloud-init-output.log");
    say(`boots that cloud-init saw: ${count}; its first boot ran once`);
  });
}
