/** What the story does from outside and inside: asks through the public name, looks into the machine, runs our own commands. */
import { strict as assert } from "node:assert";
import { eventually } from "../../support/poll.ts";
import { askAssistant, runScript } from "../../sandbox/demo/visitor.ts";
import type { Lab } from "../lab.ts";

export type Customer = { slug: string; host: string; token: string; subscriptionId: string; machine: number };

/** Output of a script in the customer's machine. @throws when it fails. */
export async function inside(lab: Lab, customer: Customer, script: string): Promise<string> {
  const { code, stdout, stderr } = await lab.machines.run(customer.machine, script);
  assert.equal(code, 0, `${script}: ${stdout}\n${stderr}`);
  return stdout.trim();
}

/** One turn through the public name; undefined while it is not answered. */
export async function chat(lab: Lab, { host, token }: Customer, words: string): Promise<string | undefined> {
  const body = { model: "openclaw", messages: [{ role: "user", content: words }] };
  const asked = { host, path: "/v1/chat/completions", token, body, timeoutMs: 60_000 };
  const answer = await askAssistant(lab.sandbox.edge, asked).catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  const { choices } = JSON.parse(answer.body) as { choices: { message: { content: string } }[] };
  return choices[0]?.message.content;
}

export function chatAnswered(
  lab: Lab,
  customer: Customer,
  words: string,
  timeoutMs = 600_000,
): Promise<string> {
  return eventually(`an answer to "${words}"`, () => chat(lab, customer, words), timeoutMs);
}

/** `fleet` as an operator types it. @throws with its output when it fails. */
export async function fleet(lab: Lab, args: readonly string[], stdin = ""): Promise<string> {
  const { code, output } = await runScript("reconciler/cli/main.ts", args, lab.service.env, stdin);
  assert.equal(code, 0, output);
  return output.trim().split("\n").at(-1)?.trim() ?? "";
}

export type Row = {
  slug: string;
  status: string;
  phase: string;
  generation: number;
  observedGeneration: number;
};

export async function rowOf(lab: Lab, slug: string): Promise<Row | undefined> {
  const { output } = await runScript("reconciler/cli/main.ts", ["list", "--json"], lab.service.env);
  return (JSON.parse(output) as Row[]).find((one) => one.slug === slug);
}

export const gatewayPid = (lab: Lab, customer: Customer): Promise<string> =>
  inside(lab, customer, "systemctl show --property MainPID --value openclaw.service");
export const bootId = (lab: Lab, customer: Customer): Promise<string> =>
  inside(lab, customer, "systemctl show --property UserspaceTimestampMonotonic --value");
