/** What the demo does from outside: follows an order live, talks to an assistant through the edge, runs our own commands. */
import { spawn } from "node:child_process";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));

type Step = { id: string; title: string; state: string };
type View = { reload: boolean; detail: string; steps: Step[] };

/** Reads the page's server-sent events until the order is in another state. Returns when that is so. */
export async function followOrder(
  orderUrl: string,
  onStep: (step: Step) => void,
  timeoutMs: number,
  /** States that were told already. */
  known = new Map<string, string>(),
): Promise<void> {
  const answer = await fetch(`${orderUrl}/events`, { signal: AbortSignal.timeout(timeoutMs) });
  if (!answer.ok || !answer.body) throw new Error(`the order's events answer ${answer.status}`);
  let rest = "";
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    const messages = (rest + chunk).split("\n\n");
    rest = messages.pop() ?? "";
    for (const message of messages) {
      if (!message.includes("event: view")) continue;
      const view = JSON.parse(/^data: (.*)$/m.exec(message)?.[1] ?? "") as View;
      for (const step of view.steps) {
        if (known.get(step.id) === step.state || step.state === "waiting") continue;
        known.set(step.id, step.state);
        onStep(step);
      }
    }
  }
}

export type EdgeAnswer = { status: number; body: string };

/** A request to a customer's public name, through the simulated proxy. */
export function askAssistant(
  edge: { port: number },
  input: { host: string; path: string; token?: string; body?: unknown; timeoutMs?: number },
): Promise<EdgeAnswer> {
  const { timeoutMs = 15_000 } = input;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port: edge.port,
        path: input.path,
        method: input.body === undefined ? "GET" : "POST",
        timeout: timeoutMs,
        headers: {
          host: input.host,
          "content-type": "application/json",
          ...(input.token === undefined ? {} : { authorization: `Bearer ${input.token}` }),
        },
      },
      (answer) => {
        text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject);
      },
    );
    outgoing.once("error", reject);
    outgoing.once("timeout", () =>
      outgoing.destroy(new Error(`${input.host} did not answer in ${timeoutMs / 1000} s`)),
    );
    outgoing.end(input.body === undefined ? undefined : JSON.stringify(input.body));
  });
}

export type CommandAnswer = { code: number; output: string };

/** One of our own scripts, as a person at a terminal would run it. */
export function runScript(
  script: "reconciler/cli/main.ts" | "infra/engine/run.ts",
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin = "",
): Promise<CommandAnswer> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], {
      cwd: root,
      env: { ...env },
      stdio: ["pipe", "pipe", "pipe"],
      timeout: 120_000,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    }
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
