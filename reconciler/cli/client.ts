/** Typed client of the admin API; its failures carry the server's own message and remedy. */
import { hc } from "hono/client";
import type { AdminApi } from "../routes/admin.ts";

export type FleetClient = ReturnType<typeof createFleetClient>;

export class FleetRequestError extends Error {
  readonly status: number;
  readonly remedy: string | undefined;
  constructor(status: number, message: string, remedy: string | undefined) {
    super(message);
    this.name = "FleetRequestError";
    this.status = status;
    this.remedy = remedy;
  }
}

export function createFleetClient(options: { url: string; adminKey: string; fetch?: typeof fetch }) {
  return hc<AdminApi>(`${options.url.replace(/\/$/, "")}/api/v1`, {
    headers: { authorization: `Bearer ${options.adminKey}` },
    fetch: options.fetch ?? fetch,
  });
}

type Answer<T> = { ok: boolean; status: number; json(): Promise<T> };

/** @throws FleetRequestError with what the server said; status 0 when there is no server. */
export async function unwrap<T>(request: Promise<Answer<T>>): Promise<T> {
  const answer = await request.catch((error: unknown) => {
    const reason =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new FleetRequestError(
      0,
      `the service cannot be reached: ${reason}`,
      "is it running, and is CLAWFLEET_URL right?",
    );
  });
  if (answer.ok) return await answer.json();
  const body: unknown = await answer.json().catch(() => undefined);
  if (!isErrorBody(body))
    throw new FleetRequestError(
      answer.status,
      `what answers there is not Clawfleet: ${answer.status}`,
      "is CLAWFLEET_URL right?",
    );
  const { message, remedy, requestId } = body.error;
  throw new FleetRequestError(answer.status, message, remedy ?? remedyFor(answer.status, requestId));
}

function remedyFor(status: number, requestId: string | undefined): string {
  if (status >= 500) return `look for the request ${requestId ?? ""} in the service's log`;
  return status === 409
    ? "fleet show <name> says how it stands"
    : "fleet <verb> --help says what may be given";
}

function isErrorBody(
  body: unknown,
): body is { error: { message: string; remedy?: string; requestId?: string } } {
  if (typeof body !== "object" || body === null || !("error" in body)) return false;
  const { error } = body;
  return (
    typeof error === "object" && error !== null && "message" in error && typeof error.message === "string"
  );
}
