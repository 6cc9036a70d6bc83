/**
 * What an account's tokens may do, asked of the clouds without changing anything: what is written is an empty body, which a cloud
 * refuses as invalid when the token may write there, and as forbidden when it may not.
 */
import { z } from "zod";
import { tokenVariable } from "../../infra/accounts.ts";
import type { CloudAccess } from "./inventory.ts";
import type { CloudName } from "./http.ts";

export type AccountCheck = { check: string; well: boolean; detail: string; remedy: string | null };

export type AccountInput = { account: string; zones: readonly string[]; access: CloudAccess };

/** `status` 0: nobody answered. */
type Seen = { status: number; body: unknown; headers: Headers };
type Ask = (cloud: CloudName, method: "GET" | "POST", path: string) => Promise<Seen>;

const timeoutMs = 15_000;
/** Below this share of the hour's requests there is little left for customers. */
const leastShare = 0.1;

/** Never throws: a cloud that does not answer is a check that is not well. */
export async function checkAccount({ account, zones, access }: AccountInput): Promise<AccountCheck[]> {
  const ask = createAsk(access);
  const perZone = await Promise.all(zones.map((zone) => checkZone(ask, account, zone)));
  return [...(await checkProject(ask, account)), ...perZone.flat()];
}

function createAsk(access: CloudAccess): Ask {
  return async (cloud, method, path) => {
    const { baseUrl, token, fetch: send } = access[cloud];
    const written = method === "POST" ? { body: "{}" } : {};
    try {
      const answer = await send(`${baseUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...written,
        signal: AbortSignal.timeout(timeoutMs),
      });
      const body: unknown = await answer.json().catch(() => undefined);
      return { status: answer.status, body, headers: answer.headers };
    } catch {
      return { status: 0, body: undefined, headers: new Headers() };
    }
  };
}

const serversSchema = z.object({
  meta: z.object({ pagination: z.object({ total_entries: z.number().nullable() }) }),
});

async function checkProject(ask: Ask, account: string): Promise<AccountCheck[]> {
  const name = `hetzner ${account}`;
  const variable = tokenVariable("hetzner", account);
  const read = await ask("hetzner", "GET", "/servers?per_page=1");
  const token = judgeRead(`${name} token`, read, `set ${variable} to a token of that project`);
  if (!token.well) return [token];
  const remedy = `make a token with read and write in that project and set ${variable}`;
  const rights = judgeWrite(`${name} rights`, await ask("hetzner", "POST", "/ssh_keys"), remedy);
  return [token, rights, judgeBudget(`${name} limits`, read)];
}

/** A project's limits of servers are told by no API: a refusal is, and then who waits for it is in the doctor's list. */
function judgeBudget(check: string, { body, headers }: Seen): AccountCheck {
  const servers = serversSchema.safeParse(body).data?.meta.pagination.total_entries;
  const count = (header: string) => Number(headers.get(header) ?? Number.NaN);
  const [limit, remaining] = [count("ratelimit-limit"), count("ratelimit-remaining")];
  const said = Number.isFinite(limit) && Number.isFinite(remaining);
  const requests = said
    ? `${remaining} of ${limit} requests left this hour`
    : "no word of its request budget";
  const well = !said || remaining >= limit * leastShare;
  const remedy = "docs/operations.md, Request budgets: who uses it up, or another account for new cells";
  return toCheck(check, well, `${servers ?? "?"} servers; ${requests}`, remedy);
}

const zonesSchema = z.object({
  result: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      status: z.string(),
      name_servers: z.array(z.string()).default([]),
    }),
  ),
});

async function checkZone(ask: Ask, account: string, zone: string): Promise<AccountCheck[]> {
  const name = `cloudflare ${account} ${zone}`;
  const variable = tokenVariable("cloudflare", account);
  const read = await ask("cloudflare", "GET", `/zones?name=${encodeURIComponent(zone)}`);
  const token = judgeRead(`${name} token`, read, `set ${variable} to a token for that zone`);
  if (!token.well) return [token];
  const found = zonesSchema.safeParse(read.body).data?.result.find((one) => one.name === zone);
  if (!found) {
    const detail = `the token sees no zone ${zone}`;
    return [toCheck(`${name} token`, false, detail, `give the token of ${variable} Zone / Zone read there`)];
  }
  const active = found.status === "active";
  const dns = toCheck(
    `${name} DNS`,
    active,
    active ? "its registrar points to Cloudflare" : `it is ${found.status}: its names are not answered`,
    `name ${found.name_servers.join(" and ") || "Cloudflare's servers"} at the registrar of ${zone}`,
  );
  const [records, certificates] = await Promise.all([
    ask("cloudflare", "POST", `/zones/${found.id}/dns_records`),
    ask("cloudflare", "POST", "/certificates"),
  ]);
  const right = (what: string) => `give the token of ${variable} ${what} in that zone`;
  return [
    token,
    dns,
    judgeWrite(`${name} records`, records, right("Zone / DNS edit")),
    judgeWrite(`${name} certificates`, certificates, right("Zone / SSL and Certificates edit")),
  ];
}

function judgeRead(check: string, { status }: Seen, remedy: string): AccountCheck {
  if (status === 200) return toCheck(check, true, "it is taken", remedy);
  if (status === 400 || status === 401 || status === 403)
    return toCheck(check, false, `it is refused (${status})`, remedy);
  return silent(check, status);
}

function judgeWrite(check: string, { status }: Seen, remedy: string): AccountCheck {
  if (status === 401 || status === 403) return toCheck(check, false, "it may only look", remedy);
  if (status === 400 || status === 422) return toCheck(check, true, "it may write", remedy);
  return silent(check, status);
}

function silent(check: string, status: number): AccountCheck {
  const detail = status === 0 ? "nobody answers" : `the answer was ${status}`;
  return toCheck(check, false, detail, "look at the cloud's status page, then: fleet doctor");
}

function toCheck(check: string, well: boolean, detail: string, remedy: string): AccountCheck {
  return { check, well, detail, remedy: well ? null : remedy };
}
