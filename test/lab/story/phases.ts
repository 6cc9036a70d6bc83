/** Suspended, running again, gone: as billing says. */
import { strict as assert } from "node:assert";
import { eventually } from "../../support/poll.ts";
import { askAssistant } from "../../sandbox/demo/visitor.ts";
import type { Lab } from "../lab.ts";
import { chatAnswered, inside, rowOf, type Customer } from "./visitor.ts";

const phaseTimeoutMs = 15 * 60_000;

export async function suspendAndResume(lab: Lab, customer: Customer): Promise<void> {
  const { sandbox, stages } = lab;
  await stages.run("suspend: not paid, the gateway stops, the data stay", async (say) => {
    await inside(lab, customer, "echo kept >/var/lib/openclaw/.openclaw/workspace/kept.md");
    sandbox.stripe.setStatus(customer.subscriptionId, "unpaid");
    await untilPhase(lab, customer, "suspended");
    const units = await lab.machines.run(
      customer.machine,
      "systemctl is-active openclaw.service caddy.service",
    );
    assert.equal(units.stdout.trim(), "inactive\ninactive");
    const { status } = await askAssistant(sandbox.edge, { host: customer.host, path: "/" });
    say(`https://${customer.host} answers ${status}`);
  });
  await stages.run("resume: paid, it answers", async (say) => {
    sandbox.stripe.setStatus(customer.subscriptionId, "active");
    await untilPhase(lab, customer, "running");
    say(`assistant: ${await chatAnswered(lab, customer, "Awake?")}`);
    assert.equal(await inside(lab, customer, "cat /var/lib/openclaw/.openclaw/workspace/kept.md"), "kept");
  });
}

function untilPhase(lab: Lab, customer: Customer, phase: string): Promise<boolean> {
  return eventually(
    `${customer.slug} is ${phase}`,
    async () => {
      const row = await rowOf(lab, customer.slug);
      return row?.phase === phase && row.status === "ready" && row.observedGeneration >= row.generation;
    },
    phaseTimeoutMs,
  );
}

export async function destroy(lab: Lab, customer: Customer): Promise<void> {
  const { sandbox, stages, machines } = lab;
  await stages.run("destroy: cancelled, nothing of the customer is left", async (say) => {
    sandbox.stripe.cancelSubscription(customer.subscriptionId);
    await eventually(
      "the instance is gone",
      async () => ((await rowOf(lab, customer.slug))?.status ?? "gone") === "gone",
      phaseTimeoutMs,
    );
    const { servers, firewalls } = sandbox.hetzner.counts();
    assert.deepEqual({ servers, firewalls }, { servers: 0, firewalls: 0 });
    assert.deepEqual(machines.ids(), []);
    assert.deepEqual(sandbox.cloudflare.recordsNamed(customer.host), []);
    say("no machine, no server, no firewall, no record");
  });
}
