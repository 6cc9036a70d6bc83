/** OpenClaw's one-time link, led to the customer's own name: it names loopback, whatever the gateway listens on. Pure. */
import { z } from "zod";

/** What `openclaw dashboard --json` prints, as far as it matters (source: measured with 2026.9.6). */
const printedSchema = z.looseObject({ browserUrl: z.url() });

/** @throws Error for an output without such a link; it never holds the link itself. */
export function toCustomerLink(printed: string, host: string): string {
  const parsed = printedSchema.safeParse(parseJson(printed));
  if (!parsed.success) throw new Error("openclaw dashboard printed no browserUrl");
  const fragment = new URLSearchParams(new URL(parsed.data.browserUrl).hash.slice(1));
  if (!fragment.get("bootstrapToken"))
    throw new Error("openclaw dashboard gave a link without a one-time token");
  fragment.set("gatewayUrl", `wss://${host}`);
  return `https://${host}/#${fragment.toString()}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
