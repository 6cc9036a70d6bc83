/** What Go's HTTP client says where Node's says "fetch failed". */
import { messageOf } from "./plugin.ts";

/** `Post "http://…": EOF`. */
export function toGoError(method: string, url: string, error: unknown): Error {
  const verb = method.charAt(0) + method.slice(1).toLowerCase();
  return new Error(`${verb} "${url}": ${describe(error, new URL(url).host)}`, { cause: error });
}

function describe(error: unknown, host: string): string {
  if (!(error instanceof Error)) return messageOf(error);
  if (error.name === "AbortError") return "context canceled";
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = "code" in cause ? String(cause.code) : "";
  if (code === "ECONNREFUSED") return `dial tcp ${host}: connect: connection refused`;
  if (code === "ECONNRESET") return "read: connection reset by peer";
  if (code === "UND_ERR_SOCKET") return "EOF";
  return cause.message;
}
