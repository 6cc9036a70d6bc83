/** A customer's own keys and tokens, given and taken away, and a plan that takes tools away: seen from those who are asked. */
import { strict as assert } from "node:assert";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/poll.ts";
import type { Lab } from "../lab.ts";
import { chat, chatAnswered, fleet, inside, rowOf, type Customer } from "./visitor.ts";

const patienceMs = 300_000;
const botToken = "4242:lab-bot-token";
/** As long as the bot's own polls take, a few times over. */
const quietMs = 10_000;

export async function channelToken(lab: Lab, customer: Customer): Promise<void> {
  const { telegram } = lab.outside;
  await lab.stages.run("a channel's token: the gateway shows it to Telegram", async (say) => {
    await change(lab, customer, ["env", customer.slug, "TELEGRAM_BOT_TOKEN"], botToken);
    await eventually(
      "the bot asks for messages",
      async () => telegram.seen().includes(botToken) || undefined,
      patienceMs,
    );
    assert.deepEqual([...new Set(telegram.seen())], [botToken]);
    assert.equal(await holders(lab, customer, botToken), "/etc/openclaw/secrets.json");
    say("Telegram is asked with it; on the machine it is in secrets.json alone");
  });
  await lab.stages.run("the channel's token revoked: nobody holds it", async (say) => {
    await change(lab, customer, ["env", customer.slug, "TELEGRAM_BOT_TOKEN", "--unset"]);
    say(`assistant: ${await chatAnswered(lab, customer, "Without a bot?")}`);
    assert.equal(await holders(lab, customer, botToken), "");
    const before = telegram.seen().length;
    await sleep(quietMs);
    assert.equal(telegram.seen().length, before, "Telegram is not asked any more");
    say("gone from the machine, and Telegram is not asked any more");
  });
}

export async function modelKeyRevoked(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("the model's key revoked, then another", async (say) => {
    const { models } = lab.outside;
    const old = models.seen().at(-1)?.key ?? "";
    await change(lab, customer, ["env", customer.slug, "ANTHROPIC_API_KEY", "--unset"]);
    assert.equal(await holders(lab, customer, old), "");
    const asked = models.seen().length;
    assert.equal(await chat(lab, customer, "With what?"), undefined, "no key, no answer");
    assert.equal(models.seen().length, asked, "the provider is not asked");
    say("no key on the machine, no answer, and the provider is not asked");
    const next = "sk-ant-lab-9876543210";
    await change(lab, customer, ["env", customer.slug, "ANTHROPIC_API_KEY"], next);
    say(`assistant: ${await chatAnswered(lab, customer, "With the new one?")}`);
    const keys = models.seen().slice(asked);
    assert.deepEqual([...new Set(keys.map(({ key }) => key))], [next]);
  });
}

export async function denyTools(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("a plan without shell and files: the model is offered neither", async (say) => {
    const plans = join(lab.stacksDir, "plans.yaml");
    const text = await readFile(plans, "utf8");
    const before = await offered(lab, customer, "What can you do?");
    assert(before.includes("exec") && before.includes("read"), before.join(", "));
    await writeFile(plans, text.replaceAll(/^( {2})name: (.+)$/gm, "$1name: $2\n$1denyRuntimeTools: true"));
    await change(lab, customer, ["apply", customer.slug]);
    const after = await eventually(
      "the tools are gone",
      async () => {
        const tools = await offered(lab, customer, "And now?");
        return tools.includes("exec") ? undefined : tools;
      },
      patienceMs,
    );
    const taken = before.filter((tool) => !after.includes(tool));
    for (const tool of ["exec", "process", "read", "write", "edit"]) assert(!after.includes(tool), tool);
    say(`taken away: ${taken.join(", ")}; left: ${after.join(", ")}`);
    await writeFile(plans, text);
    await change(lab, customer, ["apply", customer.slug]);
  });
}

/** Tools that came with the request of one chat turn. */
async function offered(lab: Lab, customer: Customer, words: string): Promise<readonly string[]> {
  const { models } = lab.outside;
  const asked = models.seen().length;
  await chatAnswered(lab, customer, words);
  const sets = models.seen().slice(asked);
  return sets.map(({ tools }) => tools).toSorted((a, b) => b.length - a.length)[0] ?? [];
}

/** One command of an operator, until the machine is as it says. */
async function change(lab: Lab, customer: Customer, args: readonly string[], stdin = ""): Promise<void> {
  await fleet(lab, args, stdin);
  await eventually(
    `${args[0]} has reached the machine`,
    async () => {
      const row = await rowOf(lab, customer.slug);
      return (row?.status === "ready" && row.observedGeneration >= row.generation) || undefined;
    },
    patienceMs,
  );
}

/** Files that hold a secret, and the gateway's own environment. */
async function holders(lab: Lab, customer: Customer, secret: string): Promise<string> {
  const files = "/etc /var/lib/openclaw /var/log /proc/$(systemctl show -p MainPID --value openclaw)/environ";
  return inside(lab, customer, `grep -rlsF --exclude-dir=seed -- '${secret}' ${files} || true`);
}
