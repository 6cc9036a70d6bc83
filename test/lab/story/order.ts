/** Sign-up to an assistant that answers, on a machine that did not exist before. */
import { strict as assert } from "node:assert";
import { eventually } from "../../support/poll.ts";
import { buy, readProgress, revealToken } from "../../sandbox/customer.ts";
import { askAssistant } from "../../sandbox/demo/visitor.ts";
import { sandboxZone } from "../../sandbox/start.ts";
import type { Lab } from "../lab.ts";
import type { Customer } from "./visitor.ts";

/** Forty times what it takes on two processors of its own. */
const readyTimeoutMs = 20 * 60_000;

export async function placeOrder(lab: Lab): Promise<Customer> {
  const { sandbox, service, stages, machines } = lab;
  const slug = "ada";
  const host = `${slug}.${sandboxZone}`;
  const { orderUrl } = await stages.run("sign-up and payment", async () =>
    buy(service.url, { plan: "starter", slug, email: "ada@example.com" }),
  );
  await stages.run("create: paid until the gateway answers", async (say) => {
    let last = "";
    await eventually(
      "the order's page says ready",
      async () => {
        const { headline, steps } = await readProgress(orderUrl);
        const told = steps.map(({ id, state }) => `${id} ${state}`).join(", ");
        if (told !== last) say(told);
        last = told;
        if (headline.includes("wrong")) throw new Error(`the order's page says: ${headline}`);
        return headline.includes("ready");
      },
      readyTimeoutMs,
    );
    const open = await askAssistant(sandbox.edge, { host, path: "/v1/models" });
    assert.equal(open.status, 401, "nobody gets in without the token");
    say(`https://${host} answers ${open.status} to a stranger`);
  });
  const token = await revealToken(orderUrl);
  const [subscription] = sandbox.stripe.subscriptions();
  const [machine] = machines.ids();
  assert(token !== undefined && subscription && machine !== undefined);
  return { slug, host, token, subscriptionId: subscription.id, machine };
}
