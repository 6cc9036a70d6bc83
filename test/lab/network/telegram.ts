/** Telegram's Bot API as far as a gateway asks that nobody writes to: who the bot is, and no messages. It keeps which tokens came. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export type Telegram = {
  handle(incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** A token for each request, in their order. */
  seen(): readonly string[];
};

const pollMs = 2000;
const bot = { id: 4242, is_bot: true, first_name: "Lab", username: "lab_bot" };

export function createTelegram(): Telegram {
  const seen: string[] = [];
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    incoming.resume();
    const [, token, method] = /^\/bot([^/]+)\/(\w+)/.exec(incoming.url ?? "") ?? [];
    if (token !== undefined) seen.push(token);
    if (method === "getUpdates") await sleep(pollMs, undefined, { ref: false });
    outgoing.writeHead(token === undefined ? 404 : 200, { "content-type": "application/json" });
    outgoing.end(JSON.stringify({ ok: token !== undefined, result: resultOf(method) }));
  };
  return {
    handle: (incoming, outgoing) => void answer(incoming, outgoing).catch(() => outgoing.destroy()),
    seen: () => seen,
  };
}

function resultOf(method: string | undefined): unknown {
  if (method === "getMe") return bot;
  if (method === "getUpdates" || method === "getMyCommands") return [];
  if (method === "getWebhookInfo") return { url: "", has_custom_certificate: false, pending_update_count: 0 };
  return true;
}
