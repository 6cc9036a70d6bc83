/** What a failed SMTP conversation means for the message. Pure. */
import { z } from "zod";
import type { Delivery } from "./delivery.ts";
import { oneLine } from "./one-line.ts";

/** As nodemailer says it. `command` is the step that was answered; no response code: nobody answered. */
const failureSchema = z.object({
  message: z.string(),
  code: z.string().optional().catch(undefined),
  command: z.string().optional().catch(undefined),
  responseCode: z.number().optional().catch(undefined),
  response: z.string().optional().catch(undefined),
});

/** 421: it is going away. 530, 535, 538: it does not know us. Neither is about this message. */
const notAboutTheMessage = new Set([421, 530, 535, 538]);
/** Bad sequence of commands: the conversation went wrong, not the message. */
const badSequence = 503;
const aboutTheMessage = new Set(["RCPT TO", "DATA"]);

/** `committed`: the whole message was handed over, up to its final dot. */
export function classifyFailure(
  error: unknown,
  committed: boolean,
): Exclude<Delivery, { kind: "sent" | "withheld" }> {
  const parsed = failureSchema.safeParse(error);
  const failure = parsed.success ? parsed.data : { message: String(error) };
  const { command, code, responseCode } = failure;
  const detail = withoutAddresses(failure.response ?? failure.message);
  if (responseCode === undefined || responseCode < 400) {
    if (committed) return { kind: "unknown", detail };
    return code === "EENVELOPE" ? { kind: "refused", detail } : { kind: "down", detail };
  }
  if (notAboutTheMessage.has(responseCode) || !aboutTheMessage.has(command ?? ""))
    return { kind: "down", detail };
  return { kind: responseCode >= 500 && responseCode !== badSequence ? "refused" : "deferred", detail };
}

/** Mail servers quote the recipient, and what they say ends in logs and alerts. */
function withoutAddresses(text: string): string {
  return oneLine(text.replaceAll(/[^\s<>"'(),;:]+@[^\s<>"'(),;:]+/g, "[address]"), 300);
}
