/** How `fleet` sends a request: what may change something carries a key of its own, so that sending it twice does it once. */

export type RequestDeps = {
  fetch: typeof fetch;
  sleep(ms: number): Promise<void>;
  newKey(): string;
};

const tries = 3;
const firstWaitMs = 500;
const longestWaitMs = 60_000;
const looking: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Tries again when nobody answered, when too much was asked, and while the service restarts. */
export function createPatientFetch(deps: RequestDeps): typeof fetch {
  return async function fetchPatiently(input, init) {
    const headers = new Headers(init?.headers);
    if (!looking.has(init?.method ?? "GET")) headers.set("idempotency-key", deps.newKey());
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt === tries;
      const answer = await deps.fetch(input, { ...init, headers }).catch((error: unknown) => {
        if (last) throw error;
        return undefined;
      });
      if (answer && (last || !mayHelp(answer))) return answer;
      await deps.sleep(waitMs(answer, attempt));
    }
  };
}

function mayHelp({ status }: Response): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

function waitMs(answer: Response | undefined, attempt: number): number {
  const asked = Number(answer?.headers.get("retry-after") ?? 0) * 1000;
  const own = firstWaitMs * 2 ** (attempt - 1);
  return Math.min(longestWaitMs, Math.max(own, Number.isFinite(asked) ? asked : 0));
}
