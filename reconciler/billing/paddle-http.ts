/** JSON over HTTP to Paddle's API: bounded in time, answers parsed with zod, lists page by page, failures in our own words. */
import { z } from "zod";
import { ClawfleetError } from "../errors.ts";

export type PaddleHttpDeps = {
  /** Without a slash at the end. */
  apiUrl: string;
  apiKey: string;
  fetch: typeof fetch;
  /** Rejects when the signal says so. */
  wait(ms: number, signal?: AbortSignal): Promise<unknown>;
};

export type PaddleHttp = {
  /** undefined: 404, there is no such object in this account. @throws ClawfleetError billing_unavailable */
  get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema> | undefined>;
  /** Asked once: Paddle knows no idempotency keys. @throws ClawfleetError billing_unavailable */
  send<Schema extends z.ZodType>(
    method: "POST" | "PATCH",
    path: string,
    body: object,
    schema: Schema,
  ): Promise<z.output<Schema>>;
  /**
   * Page by page, oldest first, so that what comes up meanwhile is at the end of the list. Ends normally only when Paddle
   * said that there is no more. With `patience` it keeps below the rate limit, and waits for what heals by itself; without,
   * the first failure ends it: somebody waits for the answer.
   */
  list<Schema extends z.ZodType>(
    path: string,
    query: Record<string, string>,
    schema: Schema,
    patience?: Patience,
  ): AsyncIterable<z.output<Schema>[]>;
};

export type Patience = { signal: AbortSignal | undefined };

const timeoutMs = 20_000;
/** 240 requests a minute and address, then nothing for 60 s (source: Paddle, rate limiting): a list leaves room for others. */
const pageIntervalMs = 600;
const blockedMs = 60_000;
const longestWaitMs = 120_000;
const patientTries = 4;

const paginationSchema = z.object({ next: z.string().nullable(), has_more: z.boolean() });
const dataSchema = z.object({ data: z.unknown() });
const errorSchema = z.object({
  error: z.object({ code: z.string() }),
  meta: z.object({ request_id: z.string() }).optional(),
});

type Answer = { status: number; text: string; retryAfter: string | null };

export function createPaddleHttp(deps: PaddleHttpDeps): PaddleHttp {
  async function ask(method: string, path: string, body?: object, signal?: AbortSignal): Promise<Answer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const answer = await deps.fetch(`${deps.apiUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${deps.apiKey}`,
        "paddle-version": "1",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    });
    return {
      status: answer.status,
      text: await answer.text(),
      retryAfter: answer.headers.get("retry-after"),
    };
  }

  async function askForPage(path: string, patience: Patience | undefined): Promise<Answer> {
    const signal = patience?.signal;
    const tries = patience === undefined ? 1 : patientTries;
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      const answer = await ask("GET", path, undefined, signal).catch((error: unknown) => {
        signal?.throwIfAborted();
        if (attempt === tries) throw fail(`GET ${pathOnly(path)}`, "no answer", error);
        return undefined;
      });
      const passing = answer === undefined || answer.status === 429 || answer.status >= 500;
      if (answer !== undefined && (!passing || attempt === tries)) return answer;
      await deps.wait(waitBefore(answer, attempt), signal);
    }
  }

  return {
    async get(path, schema) {
      const what = `GET ${pathOnly(path)}`;
      const answer = await ask("GET", path).catch((error: unknown) => {
        throw fail(what, "no answer", error);
      });
      return answer.status === 404 ? undefined : readData(what, answer, schema);
    },
    async send(method, path, body, schema) {
      const what = `${method} ${pathOnly(path)}`;
      const answer = await ask(method, path, body).catch((error: unknown) => {
        throw fail(what, "no answer", error);
      });
      return readData(what, answer, schema);
    },
    async *list(path, query, schema, patience) {
      const pageSchema = z.object({
        data: z.array(schema),
        meta: z.object({ pagination: paginationSchema }),
      });
      let after: string | undefined;
      for (;;) {
        const cursor = after === undefined ? {} : { after };
        const search = new URLSearchParams({ ...query, order_by: "id[ASC]", ...cursor }).toString();
        const what = `GET ${path}`;
        const page = read(what, await askForPage(`${path}?${search}`, patience), pageSchema);
        yield page.data;
        const { has_more: more, next } = page.meta.pagination;
        if (!more) return;
        after = nextCursor(deps.apiUrl, next, after);
        // A list that goes round in circles or stops half way is not a whole list.
        if (after === undefined || page.data.length === 0) throw fail(what, "a list that does not go on");
        if (patience !== undefined) await deps.wait(pageIntervalMs, patience.signal);
      }
    },
  };
}

function read<Schema extends z.ZodType>(what: string, answer: Answer, schema: Schema): z.output<Schema> {
  if (answer.status < 200 || answer.status > 299) throw fail(what, describeRefusal(answer));
  return parse(what, parseJson(answer.text), schema);
}

function readData<Schema extends z.ZodType>(what: string, answer: Answer, schema: Schema): z.output<Schema> {
  return parse(what, read(what, answer, dataSchema).data, schema);
}

function parse<Schema extends z.ZodType>(what: string, value: unknown, schema: Schema): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw fail(what, `an answer of another shape: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

/** Only the cursor is taken from the address of the next page: the key goes nowhere that an answer names. */
function nextCursor(apiUrl: string, next: string | null, before: string | undefined): string | undefined {
  const after = next === null ? null : new URL(next, apiUrl).searchParams.get("after");
  return after === null || after === before ? undefined : after;
}

function waitBefore(answer: Answer | undefined, attempt: number): number {
  if (answer?.status !== 429) return 1000 * 2 ** (attempt - 1);
  const seconds = Number(answer.retryAfter ?? Number.NaN);
  return Math.min(Number.isFinite(seconds) ? Math.max(seconds, 1) * 1000 : blockedMs, longestWaitMs);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Code and request id; never Paddle's own sentence, which repeats what was sent. */
function describeRefusal({ status, text }: Answer): string {
  const refusal = errorSchema.safeParse(parseJson(text)).data;
  const id = refusal?.meta === undefined ? "" : `, request ${refusal.meta.request_id}`;
  return `answered ${status}${refusal === undefined ? "" : ` ${refusal.error.code}${id}`}`;
}

function pathOnly(path: string): string {
  return path.split("?")[0] ?? path;
}

function fail(what: string, why: string, cause?: unknown): ClawfleetError {
  return new ClawfleetError({
    code: "billing_unavailable",
    message: `Paddle: ${what}: ${why}`,
    remedy:
      "look at Paddle's status page, and whether PADDLE_API_KEY is of this environment, not expired, and has the rights of docs/operations.md",
    retry: { kind: "retryable" },
    cause,
  });
}
