/**
 * The gate: everything that this process and its runs ask of the clouds goes through it, on 127.0.0.1, and comes out of the
 * account's request budget. It refuses in the cloud's own words; for the rest what the cloud says stands.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import type { Sql } from "postgres";
import type { CloudName } from "../cloud/http.ts";
import type { AccountTokens } from "../account-tokens.ts";
import type { BudgetKey } from "../db/rate-budgets.ts";
import { createAccountBook } from "./accounts.ts";
import type { Verdict } from "./breaker.ts";
import { createBudget } from "./budget.ts";
import { judge, readBudget } from "./headers.ts";
import { createPasses, type Pass, type PassUse } from "./passes.ts";
import type { Taken } from "./pool.ts";
import { createUpstream, type Ending, type ProxyEnvironment } from "./proxy.ts";
import { toRefusal } from "./refusals.ts";

export type GateDeps = {
  sql: Sql;
  log: Logger;
  random(): number;
  /** Where the clouds are. */
  clouds: Record<CloudName, string>;
  accounts: Readonly<Record<string, AccountTokens>>;
  /** Tokens are told apart in rows by a hash under it. */
  masterKey: string;
  /** A cloud that was not asked for a while is well again. */
  onHealed(key: BudgetKey): void;
  /** By cloud and by what became of a request. */
  onRequest?: (cloud: CloudName, outcome: RequestOutcome) => void;
  /** How long a request waits for budget. Shorter than what its client waits for an answer. Default 10,000. */
  holdMs?: number;
  /** For requests that leave this machine through a proxy. */
  proxyEnvironment?: ProxyEnvironment;
};

export const requestOutcomes = ["good", "throttled", "failed", "lost", "abandoned", "held-back"] as const;
export type RequestOutcome = (typeof requestOutcomes)[number];

export type RunPass = {
  /** The clouds' addresses for the official providers. */
  environment: { HCLOUD_ENDPOINT: string; CLOUDFLARE_BASE_URL: string };
  /** Clouds that answered well during the run. */
  wellSeen(): CloudName[];
  /** The clouds' own addresses in place of ours: what people read must not hold a pass. */
  toPlain(text: string): string;
  /** Nobody gets through with it any more. */
  close(): void;
};

export type Gate = {
  /** For the providers of one run. */
  openPass(use: PassUse): RunPass;
  /** For clients in this process, as long as it lives. */
  addressesFor(use: PassUse): Record<CloudName, string>;
  /** Key of the budget that an account's requests come out of: the same in every process for the same token. */
  budgetOf(cloud: CloudName, account: string): string;
  close(): Promise<void>;
};

const defaultHoldMs = 10_000;
/** Longer than any client of ours keeps an idle connection, so that the client is the one that closes it. */
const keepAliveMs = 10 * 60_000;
/** Cheap, and answered to any token. */
const probePaths: Record<CloudName, string> = {
  hetzner: "/locations?per_page=1",
  cloudflare: "/user/tokens/verify",
};

export async function createGate(deps: GateDeps): Promise<Gate> {
  const book = createAccountBook(deps.accounts, deps.masterKey);
  const upstream = createUpstream(deps.proxyEnvironment);
  const passes = createPasses();
  const own = new Map<string, Record<CloudName, string>>();
  const budget = createBudget({
    ...deps,
    namesOf: ({ cloud, tokenKey }) => book.namesOf(cloud, tokenKey),
    probe: async ({ cloud, tokenKey }) => {
      const target = new URL(`${deps.clouds[cloud]}${probePaths[cloud]}`);
      const token = book.tokenOf(cloud, tokenKey) ?? "";
      return toVerdict(await upstream.ask(target, { authorization: `Bearer ${token}` })) ?? { kind: "bad" };
    },
  });

  const server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      deps.log.error({ err: error }, "the gate failed");
      response.destroy();
    });
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  const addresses = (secret: string): Record<CloudName, string> => ({
    hetzner: `${origin}/${secret}/hetzner${new URL(deps.clouds.hetzner).pathname}`,
    cloudflare: `${origin}/${secret}/cloudflare${new URL(deps.clouds.cloudflare).pathname}`,
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const found = passes.find(request.url ?? "");
    if (!found) return void response.writeHead(404, { "content-length": "0" }).end();
    const { pass, cloud, rest } = found;
    const taken = await takeFor(response, pass, cloud);
    if (taken.kind === "refused") {
      deps.onRequest?.(cloud, "held-back");
      if (taken.why !== "gone") refuse(response, cloud, { ...taken, why: taken.why });
      return;
    }
    const target = new URL(`${new URL(deps.clouds[cloud]).origin}${rest}`);
    upstream.forward(request, response, target, (ending) => {
      const verdict = toVerdict(ending);
      if (verdict?.kind === "good") pass.wellSeen.add(cloud);
      taken.conclude({
        verdict,
        said: ending.kind === "answered" ? readBudget(cloud, ending.headers) : undefined,
      });
      deps.onRequest?.(cloud, toOutcome(ending));
    });
  }

  async function takeFor(response: ServerResponse, { use }: Pass, cloud: CloudName): Promise<Taken> {
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    response.once("close", leave);
    const key = { cloud, tokenKey: book.keyOf(cloud, use.account) };
    const taken = await budget.take(key, use.reason, {
      waitMs: deps.holdMs ?? defaultHoldMs,
      signal: gone.signal,
    });
    response.off("close", leave);
    return taken;
  }

  return {
    openPass(use) {
      const { secret, pass } = passes.add(use);
      const { hetzner, cloudflare } = addresses(secret);
      return {
        environment: { HCLOUD_ENDPOINT: hetzner, CLOUDFLARE_BASE_URL: cloudflare },
        wellSeen: () => [...pass.wellSeen],
        toPlain: (text) =>
          text.replaceAll(hetzner, deps.clouds.hetzner).replaceAll(cloudflare, deps.clouds.cloudflare),
        close: () => passes.remove(secret),
      };
    },
    addressesFor(use) {
      const name = `${use.account} ${use.reason}`;
      const known = own.get(name) ?? addresses(passes.add(use).secret);
      own.set(name, known);
      return known;
    },
    budgetOf: (cloud, account) => book.keyOf(cloud, account),
    async close() {
      await closeServer(server);
      await budget.close();
      upstream.close();
    },
  };
}

function refuse(
  response: ServerResponse,
  cloud: CloudName,
  refusal: { why: "budget" | "breaker"; waitMs: number },
): void {
  const { status, headers, body } = toRefusal(cloud, refusal);
  response.writeHead(status, { ...headers, "content-length": String(Buffer.byteLength(body)) }).end(body);
}

function toVerdict(ending: Ending): Verdict | undefined {
  switch (ending.kind) {
    case "answered":
      return judge(ending.status, ending.headers, new Date());
    case "lost":
      return { kind: "bad" };
    case "abandoned":
      return undefined;
  }
}

function toOutcome(ending: Ending): RequestOutcome {
  if (ending.kind !== "answered") return ending.kind;
  if (ending.status === 429) return "throttled";
  return ending.status >= 500 ? "failed" : "good";
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", () => {
      const address: AddressInfo | string | null = server.address();
      if (address === null || typeof address === "string") return reject(new Error("the gate has no port"));
      resolve(address.port);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
