/** A model provider as far as the gateway asks: Anthropic's messages, whole and streamed. It answers with what it was told. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { z } from "zod";

const contentSchema = z.union([
  z.string(),
  z.array(z.looseObject({ type: z.string(), text: z.string().optional() })),
]);
const messageSchema = z.looseObject({ role: z.string(), content: contentSchema });
type Message = z.infer<typeof messageSchema>;
const requestSchema = z.looseObject({
  model: z.string(),
  stream: z.boolean().optional(),
  messages: z.array(messageSchema),
  tools: z.array(z.looseObject({ name: z.string() })).default([]),
});
const internal = /<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>[\s\S]*?<<<END_OPENCLAW_INTERNAL_CONTEXT>>>/g;

type Asked = { key: string; model: string; tools: string[] };

export type ModelServer = {
  handle(incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** Keys, models and offered tools of the requests that came. */
  seen(): readonly Asked[];
};

export function createModelServer(): ModelServer {
  const seen: Asked[] = [];
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const asked = requestSchema.safeParse(JSON.parse((await text(incoming)) || "{}"));
    const path = (incoming.url ?? "").split("?")[0];
    if (path !== "/v1/messages" || !asked.success) {
      outgoing.writeHead(404, { "content-type": "application/json" });
      outgoing.end(
        JSON.stringify({ type: "error", error: { type: "not_found_error", message: "not here" } }),
      );
      return;
    }
    const { model, messages, stream, tools } = asked.data;
    const key = String(incoming.headers["x-api-key"] ?? "");
    seen.push({ key, model, tools: tools.map(({ name }) => name) });
    const reply = `The model ${model} heard: ${lastWords(messages)}`;
    if (stream) sendEvents(outgoing, model, reply);
    else {
      outgoing.writeHead(200, { "content-type": "application/json" });
      outgoing.end(
        JSON.stringify({
          ...message(model),
          content: [{ type: "text", text: reply }],
          stop_reason: "end_turn",
        }),
      );
    }
  };
  return {
    handle: (incoming, outgoing) => void answer(incoming, outgoing).catch(() => outgoing.destroy()),
    seen: () => seen,
  };
}

/** The end of what was said to it, without what the gateway adds around a person's words. */
function lastWords(messages: readonly Message[]): string {
  const said = messages.filter(({ role }) => role === "user").flatMap(({ content }) => textsOf(content));
  const whole = said.join(" ").replaceAll(internal, " ").replaceAll(/\s+/g, " ");
  return whole.trim().slice(-200);
}

function textsOf(content: Message["content"]): string[] {
  return typeof content === "string" ? [content] : content.map((part) => part.text ?? "");
}

function message(model: string) {
  const usage = { input_tokens: 10, output_tokens: 10 };
  return {
    id: `msg_${Date.now().toString(36)}`,
    type: "message",
    role: "assistant",
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  };
}

function sendEvents(outgoing: ServerResponse, model: string, reply: string): void {
  const events = [
    { type: "message_start", message: message(model) },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: reply } },
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: 10 },
    },
    { type: "message_stop" },
  ];
  outgoing.writeHead(200, { "content-type": "text/event-stream" });
  outgoing.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""));
}
