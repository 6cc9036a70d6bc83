/** The seams to the operators' chats: Slack-compatible webhooks and Telegram bots. */
import { z } from "zod";
import type { Delivery } from "./delivery.ts";

export type ChatSettings = {
  /** Incoming webhook; its path is the secret. */
  slackUrl: string | undefined;
  telegram: { token: string; chat: string; apiUrl: string } | undefined;
};

export type Chat = { send(text: string): Promise<Delivery> };

type Post = { url: string; body: Record<string, unknown> };

const timeoutMs = 20_000;
/** Telegram takes 4096 characters. */
const longestText = 4000;

export function createSlack(url: string): Chat {
  return {
    send: (text) => post({ url, body: { text: escapeMrkdwn(cut(text)) } }, "Slack"),
  };
}

export function createTelegram({ token, chat, apiUrl }: NonNullable<ChatSettings["telegram"]>): Chat {
  const url = `${apiUrl}/bot${token}/sendMessage`;
  return {
    // Without a parse mode nothing in the text is markup.
    send: (text) =>
      post(
        { url, body: { chat_id: chat, text: cut(text), link_preview_options: { is_disabled: true } } },
        "Telegram",
      ),
  };
}

/** An alert that comes twice does less harm than one that never comes: no answer is another try. */
async function post({ url, body }: Post, name: string): Promise<Delivery> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    redirect: "error",
    signal: AbortSignal.timeout(timeoutMs),
  }).catch(() => undefined);
  // No cause is handed on: it would name the address, and the address is the secret.
  if (!answer) return { kind: "down", detail: `${name} does not answer` };
  const text = await answer.text().catch(() => "");
  const detail = `${name} answered ${answer.status}`;
  if (answer.ok) return { kind: "sent", detail };
  if (answer.status === 429)
    return { kind: "deferred", detail, afterMs: readRetryAfterMs(answer.headers, text) };
  if (answer.status >= 500 || answer.status === 408) return { kind: "down", detail };
  return { kind: "refused", detail };
}

const telegramLimit = z.object({ parameters: z.object({ retry_after: z.number().positive() }) });
const defaultRetryMs = 30_000;

function readRetryAfterMs(headers: Headers, text: string): number {
  const seconds = Number(headers.get("retry-after"));
  if (seconds > 0) return seconds * 1000;
  const said = telegramLimit.safeParse(parseJson(text));
  return said.success ? said.data.parameters.retry_after * 1000 : defaultRetryMs;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Slack reads these three as markup, everything else as text. */
function escapeMrkdwn(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function cut(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText - 1)}…`;
}
