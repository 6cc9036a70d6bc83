/** One order through the whole product, told stage by stage. Every stage checks what it shows. */
import { strict as assert } from "node:assert";
import { eventually } from "../../support/poll.ts";
import { buy, readProgress, revealToken, visit } from "../customer.ts";
import type { ServiceProcess } from "../service-process.ts";
import { sandboxZone, type Sandbox } from "../start.ts";
import type { Stages } from "./stages.ts";
import { askAssistant, followOrder, runScript } from "./visitor.ts";

export type Story = {
  sandbox: Sandbox;
  service: ServiceProcess;
  stages: Stages;
  slug: string;
  /** For whoever watches. */
  consoleKey: string;
};
export type Customer = { orderUrl: string; token: string; host: string; subscriptionId: string };

const readyTimeoutMs = 120_000;
const goneTimeoutMs = 90_000;

/** Sign-up to an assistant that answers: what a customer lives through. */
export async function placeOrder(story: Story): Promise<Customer> {
  const { sandbox, service, stages, slug } = story;
  const host = `${slug}.${sandboxZone}`;
  const orderUrl = await stages.run("sign-up, Checkout, payment", async (say) => {
    const page = await visit(service.url);
    assert.equal(page.status, 200, "the sign-up page answers");
    say(`${slug}.${sandboxZone} is free; plan starter; paying with 4242 4242 4242 4242`);
    const order = await buy(service.url, { plan: "starter", slug, email: `${slug}@example.com` });
    say(`Stripe sends the customer back to ${order.orderUrl}`);
    return order.orderUrl;
  });
  await stages.run("signed webhook to an assistant that answers", async (say) => {
    const deadline = Date.now() + readyTimeoutMs;
    const known = new Map<string, string>();
    for (;;) {
      const { headline } = await readProgress(orderUrl);
      if (headline.includes("ready")) break;
      if (headline.includes("wrong")) throw new Error(`the order's page says: ${headline}`);
      if (Date.now() > deadline) throw new Error(`not ready after ${readyTimeoutMs / 1000} s`);
      await followOrder(orderUrl, (step) => say(`${step.title}: ${step.state}`), readyTimeoutMs, known);
    }
    const open = await askAssistant(sandbox.edge, { host, path: "/v1/models" });
    assert.equal(open.status, 401, "nobody gets in without the token");
    say(`https://${host} answers ${open.status} to a stranger`);
  });
  const token = await stages.run("credentials, once", async (say) => {
    const shown = await revealToken(orderUrl);
    assert(shown, "the token is shown the first time");
    assert.equal(await revealToken(orderUrl), undefined, "and never again");
    const models = await askAssistant(sandbox.edge, { host, path: "/v1/models", token: shown });
    assert.equal(models.status, 200, "the token opens the door");
    say(`token ${shown.slice(0, 6)}… opens https://${host}; a second look at the page shows nothing`);
    return shown;
  });
  const [subscription] = sandbox.stripe.subscriptions();
  assert(subscription, "Stripe has the subscription");
  return { orderUrl, token, host, subscriptionId: subscription.id };
}

/** A key of the customer's own, brought to the machine by a converge; then a conversation. */
export async function talk({ sandbox, service, stages, slug }: Story, customer: Customer): Promise<void> {
  await stages.run("a model key for this customer, and a chat", async (say) => {
    const given = await runScript(
      "reconciler/cli/main.ts",
      ["env", slug, "ANTHROPIC_API_KEY"],
      service.env,
      "sk-ant-sandbox-0123456789",
    );
    assert.equal(given.code, 0, given.output);
    say(`fleet env ${slug} ANTHROPIC_API_KEY: ${lastLine(given.output)}`);
    const messages = [{ role: "user", content: "Are you there?" }];
    const answer = await eventually(
      "the assistant replies",
      async () => {
        const reply = await askAssistant(sandbox.edge, {
          host: customer.host,
          path: "/v1/chat/completions",
          token: customer.token,
          body: { model: "openclaw", messages },
        });
        return reply.status === 200 ? reply.body : undefined;
      },
      20_000,
    );
    say("customer: Are you there?");
    const { choices } = JSON.parse(answer) as { choices: { message: { content: string } }[] };
    say(`assistant: ${choices[0]?.message.content}`);
  });
}

/** What must not happen: a preview finds nothing, a repeated webhook does nothing. */
export async function changeNothing({ sandbox, service, stages, slug }: Story): Promise<void> {
  await stages.run("preview without change", async (say) => {
    const fleet = await runScript("reconciler/cli/main.ts", ["preview", slug], service.env);
    assert.equal(fleet.code, 0, fleet.output);
    say(`fleet preview ${slug}: ${lastLine(fleet.output)}`);
    const args = ["preview", "-s", slug, "--expect-no-changes", "--non-interactive"];
    const native = await runScript("infra/engine/run.ts", args, service.env);
    assert.equal(native.code, 0, native.output);
    say(`npm run pulumi -- preview -s ${slug}: ${lastLine(native.output)}`);
  });
  await stages.run("every event once more", async (say) => {
    const before = await countOperations(service, slug);
    const events = [...new Set(sandbox.stripe.delivery.attempts().map((attempt) => attempt.eventId))];
    for (const id of events) sandbox.stripe.delivery.redeliver(id);
    assert(await sandbox.stripe.delivery.idle(10_000), "Stripe got its answers");
    const answers = new Set(sandbox.stripe.delivery.attempts().map((attempt) => attempt.status));
    assert.deepEqual([...answers], [200]);
    assert.equal(await countOperations(service, slug), before, "no new operation");
    say(`${events.length} events sent again, all answered 200, still ${before} operations`);
  });
}

/** The other way: until the clouds are empty. */
export async function cancel({ sandbox, service, stages, slug }: Story, customer: Customer): Promise<void> {
  await stages.run("cancellation until everything of the customer is gone", async (say) => {
    sandbox.stripe.cancelSubscription(customer.subscriptionId);
    say("Stripe ends the subscription; deletion waits for two complete readings of billing");
    await eventually(
      "the instance is gone",
      async () => {
        const list = await runScript("reconciler/cli/main.ts", ["list", "--json"], service.env);
        const rows = JSON.parse(list.output) as { slug: string; status: string }[];
        return rows.every((row) => row.slug !== slug || row.status === "gone");
      },
      goneTimeoutMs,
    );
    const { servers, firewalls } = sandbox.hetzner.counts();
    assert.deepEqual({ servers, firewalls }, { servers: 0, firewalls: 0 });
    assert.deepEqual(sandbox.cloudflare.recordsNamed(customer.host), []);
    const edge = await askAssistant(sandbox.edge, { host: customer.host, path: "/" });
    say(`no server, no firewall, no record; https://${customer.host} answers ${edge.status}`);
  });
}

/** The cell is the business's own; an operator takes it down with the native command line. */
export async function closeCell({ sandbox, service, stages }: Story): Promise<void> {
  await stages.run("the cell taken down by hand, clouds empty", async (say) => {
    const args = ["destroy", "-s", "cell.lab", "--yes", "--refresh", "--run-program", "--non-interactive"];
    const destroyed = await runScript("infra/engine/run.ts", args, service.env);
    assert.equal(destroyed.code, 0, destroyed.output);
    const left = Object.entries(sandbox.hetzner.counts()).filter(([, count]) => count > 0);
    assert.deepEqual(left, [], "Hetzner is empty");
    assert.deepEqual(sandbox.cloudflare.records(), [], "Cloudflare has no record");
    say("Hetzner: 0 objects. Cloudflare: 0 records.");
  });
}

async function countOperations(service: ServiceProcess, slug: string): Promise<number> {
  const shown = await runScript("reconciler/cli/main.ts", ["show", slug, "--json"], service.env);
  return (JSON.parse(shown.output) as { operations: { kind: string }[] }).operations.length;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}
