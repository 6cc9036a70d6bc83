/** Which token is an account's: the one rule for the service, its runners and commands typed by a person. Pure. */

type Environment = Readonly<Record<string, string | undefined>>;

export const tokenVariables = { hetzner: "HCLOUD_TOKEN", cloudflare: "CLOUDFLARE_API_TOKEN" } as const;
export type TokenCloud = keyof typeof tokenVariables;

export const defaultAccount = "default";
/** In place of a Cloudflare token: the account uses that of the account `default`. */
export const sharedToken = "default";

/** `HCLOUD_TOKEN_<ACCOUNT>`; of the account `default` without suffix. */
export function tokenVariable(cloud: TokenCloud, account: string): string {
  const name = tokenVariables[cloud];
  return account === defaultAccount ? name : `${name}_${account.toUpperCase()}`;
}

/** A Cloudflare token may be for zones of several accounts; a Hetzner token is of one project, which is the account. */
export function isShared(environment: Environment, cloud: TokenCloud, account: string): boolean {
  if (cloud !== "cloudflare" || account === defaultAccount) return false;
  return environment[tokenVariable(cloud, account)] === sharedToken;
}

/**
 * undefined when this environment has none. Never the default's unless it is said: work that is done with another project's
 * token succeeds there, and is lost.
 */
export function findToken(environment: Environment, cloud: TokenCloud, account: string): string | undefined {
  const from = isShared(environment, cloud, account) ? defaultAccount : account;
  return environment[tokenVariable(cloud, from)] || undefined;
}
