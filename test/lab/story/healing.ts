/** What breaks by itself, and who puts it right. */
import { strict as assert } from "node:assert";
import { eventually } from "../../support/poll.ts";
import type { Lab } from "../lab.ts";
import { bootId, chatAnswered, gatewayPid, inside, type Customer } from "./visitor.ts";

const healTimeoutMs = 6 * 60_000;

export async function healKilledGateway(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("gateway killed: systemd starts it again", async (say) => {
    const before = await gatewayPid(lab, customer);
    await inside(lab, customer, `kill -9 ${before}`);
    say(`assistant: ${await chatAnswered(lab, customer, "Back after a kill?")}`);
    assert.notEqual(await gatewayPid(lab, customer), before);
  });
}

export async function healDeafGateway(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("gateway alive but deaf: the watchdog kills it", async (say) => {
    const before = await gatewayPid(lab, customer);
    await inside(lab, customer, `kill -STOP ${before}`);
    assert.equal(await inside(lab, customer, "systemctl is-active openclaw.service"), "active");
    await eventually(
      "another gateway process",
      async () => {
        const now = await gatewayPid(lab, customer);
        return now !== before && now !== "0";
      },
      healTimeoutMs,
    );
    say(`assistant: ${await chatAnswered(lab, customer, "Do you hear me?")}`);
    say(
      await inside(
        lab,
        customer,
        "journalctl --no-pager -o cat -u openclaw-watchdog.service | grep miss | tail -n 1",
      ),
    );
  });
}

export async function rebootKilledMachine(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("machine killed: reset by the API, it answers by itself", async (say) => {
    const before = await bootId(lab, customer);
    await lab.machines.crash(customer.machine);
    assert.equal(lab.machines.isRunning(customer.machine), false);
    await callHetzner(lab, `/servers/${customer.machine}/actions/reset`);
    say(`assistant: ${await chatAnswered(lab, customer, "Back after a reset?", healTimeoutMs)}`);
    assert.notEqual(await bootId(lab, customer), before);
    assert.equal(await inside(lab, customer, "wc -l </var/lib/clawfleet/first-boot.arguments"), "3");
    const count = await inside(lab, customer, "grep -c 'finished at' /var/log/cloud-init-output.log");
    say(`boots that cloud-init saw: ${count}; its first boot ran once`);
  });
}

async function callHetzner({ sandbox }: Lab, path: string): Promise<void> {
  const headers = { authorization: `Bearer ${sandbox.hetzner.token}` };
  const answer = await fetch(`${sandbox.hetzner.url}${path}`, { method: "POST", headers });
  assert.equal(answer.status, 201, await answer.text());
}
