/** The clouds' tokens by account, from the environment. Pure. */
import { defaultAccount, findToken, isShared, sharedToken, tokenVariable } from "../infra/accounts.ts";
import type { Role } from "./db/connections.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** HCLOUD_TOKEN or HCLOUD_TOKEN_<ACCOUNT>; the same for Cloudflare. */
const tokenRules = [
  {
    name: /^HCLOUD_TOKEN(?:_([A-Z0-9]+))?$/,
    value: /^[A-Za-z0-9]{64}$/,
    hint: "a Hetzner Cloud token: exactly 64 letters and digits",
  },
  {
    name: /^CLOUDFLARE_API_TOKEN(?:_([A-Z0-9]+))?$/,
    value: /^[\w-]{20,}$/,
    hint: `a Cloudflare API token; that of an account other than \`default\` may be the word ${sharedToken}`,
  },
] as const;

export type AccountTokens = { hcloudToken: string; cloudflareToken: string };

/** `serve` touches no cloud; `work` may have the tokens of its own cells' accounts alone. */
export function readAccounts(
  environment: Environment,
  problems: string[],
  role: Role,
): Record<string, AccountTokens> {
  const accounts: Record<string, AccountTokens> = {};
  const names = listAccounts(environment, problems);
  for (const account of names) {
    const hcloudToken = findToken(environment, "hetzner", account);
    const cloudflareToken = findToken(environment, "cloudflare", account);
    if (hcloudToken && cloudflareToken) accounts[account] = { hcloudToken, cloudflareToken };
    else if (role !== "serve" && account !== defaultAccount)
      problems.push(...describeMissing(environment, account));
  }
  const needsDefault =
    role === "start" || (role === "work" && names.every((name) => name === defaultAccount));
  if (needsDefault && !accounts[defaultAccount])
    problems.push(...describeMissing(environment, defaultAccount));
  return accounts;
}

/** Every account that a well-formed variable names. */
function listAccounts(environment: Environment, problems: string[]): string[] {
  const names = new Set<string>();
  for (const [name, value] of Object.entries(environment)) {
    for (const rule of tokenRules) {
      const match = rule.name.exec(name);
      if (!match || value === undefined) continue;
      const account = match[1]?.toLowerCase() ?? defaultAccount;
      if (match[1] !== undefined && account === defaultAccount)
        problems.push(`${name}: the account default has its tokens in variables without a suffix`);
      else if (rule.value.test(value) || isShared(environment, "cloudflare", account)) names.add(account);
      else problems.push(`${name}: ${rule.hint}`);
    }
  }
  return [...names];
}

function describeMissing(environment: Environment, account: string): string[] {
  const missing: string[] = [];
  for (const cloud of ["hetzner", "cloudflare"] as const) {
    if (findToken(environment, cloud, account) !== undefined) continue;
    const shares = isShared(environment, cloud, account);
    const name = tokenVariable(cloud, shares ? defaultAccount : account);
    const why = shares
      ? `: the account ${account} shares it`
      : account === defaultAccount
        ? ""
        : `: the account ${account} has a token at one cloud only${cloud === "cloudflare" ? `; the word ${sharedToken} shares the default's` : ""}`;
    missing.push(`${name} is missing${why}`);
  }
  return missing;
}
