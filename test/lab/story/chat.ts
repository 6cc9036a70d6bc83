/** Conversations through the public name: whole, streamed, and the socket that the control page opens. */
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { askAssistant } from "../../sandbox/demo/visitor.ts";
import type { Lab } from "../lab.ts";
import { chatAnswered, fleet, type Customer } from "./visitor.ts";

export async function chatTurn(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("a model key of the customer's own, and a chat turn", async (say) => {
    const key = "sk-ant-lab-0123456789";
    say(await fleet(lab, ["env", customer.slug, "ANTHROPIC_API_KEY"], key));
    const answer = await chatAnswered(lab, customer, "Are you there?");
    say(`assistant: ${answer}`);
    assert.match(answer, /heard: .*Are you there\?/);
    const keys = new Set(lab.outside.models.seen().map((asked) => asked.key));
    assert.deepEqual([...keys], [key], "the provider saw this customer's key and no other");
  });
}

/** Whether a browser takes it is not shown here: only that the real OpenClaw gives one, under the customer's name. */
export async function signInLink(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("a one-time link into the control page, without the gateway's token", async (say) => {
    const link = new URL(await fleet(lab, ["sign-in", customer.slug]));
    assert.equal(link.origin, `https://${customer.host}`);
    const fragment = new URLSearchParams(link.hash.slice(1));
    assert.equal(fragment.get("gatewayUrl"), `wss://${customer.host}`);
    assert.match(fragment.get("bootstrapToken") ?? "", /^[\w-]{40,}$/);
    assert(!link.href.includes(customer.token), "the gateway's token is not in it");
    say(`${link.origin}/#bootstrapToken=… as ${fragment.get("bootstrapProfile")}`);
  });
}

export async function streamAndSocket(lab: Lab, { host, token }: Customer): Promise<void> {
  await lab.stages.run("a streamed answer, a socket, headers, the welcome page", async (say) => {
    const body = { model: "openclaw", stream: true, messages: [{ role: "user", content: "stream please" }] };
    const streamed = await askAssistant(lab.sandbox.edge, {
      host,
      path: "/v1/chat/completions",
      token,
      body,
      timeoutMs: 60_000,
    });
    const events = streamed.body.split("\n").filter((line) => line.startsWith("data: "));
    assert.equal(events.at(-1), "data: [DONE]");
    say(`${events.length} server-sent events`);
    const socket = await openSocket(lab.sandbox.edge.port, host);
    assert.match(socket.first, /connect\.challenge/);
    say(`the gateway's first frame: ${socket.first.slice(0, 60)}…`);
    const page = await fetchPage(lab.sandbox.edge.port, host, "/welcome");
    assert.equal(page.status, 200);
    for (const [name, value] of Object.entries({
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    }))
      assert.equal(page.headers[name], value);
    assert(page.headers["strict-transport-security"], "browsers are told to come by HTTPS only");
    say("the welcome page is there, with the security headers");
  });
}

function fetchPage(port: number, host: string, path: string) {
  return new Promise<{ status: number; headers: Record<string, unknown> }>((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, headers: { host } }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers });
    });
    asked.once("error", reject).end();
  });
}

/** The handshake by hand (RFC 6455); a server's frame of text is two or four bytes of header before it. */
function openSocket(port: number, host: string): Promise<{ first: string }> {
  const headers = {
    host,
    connection: "Upgrade",
    upgrade: "websocket",
    origin: `https://${host}`,
    "sec-websocket-version": "13",
    "sec-websocket-key": randomBytes(16).toString("base64"),
  };
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path: "/", headers, timeout: 15_000 });
    asked.once("upgrade", (_answer, socket, head) => {
      const take = (chunk: Buffer) => {
        socket.destroy();
        resolve({ first: chunk.subarray((chunk[1] ?? 0) === 126 ? 4 : 2).toString() });
      };
      if (head.length > 0) take(head);
      else socket.once("data", take);
    });
    asked.once("response", (answer) => reject(new Error(`no socket: ${answer.statusCode}`)));
    asked.once("timeout", () => asked.destroy(new Error("no socket within 15 s")));
    asked.once("error", reject).end();
  });
}
