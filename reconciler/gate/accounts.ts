/** Which budget an account's requests come out of: accounts that share a token share its budget. Pure. */
import type { CloudName } from "../cloud/http.ts";
import type { AccountTokens } from "../config.ts";

export type AccountBook = {
  /** Name of the budget. Of several accounts with one token the first in alphabetical order, `default` before all. */
  budgetOf(cloud: CloudName, account: string): string;
  /** undefined: no account has this budget. */
  tokenOf(cloud: CloudName, account: string): string | undefined;
};

const tokenField = { hetzner: "hcloudToken", cloudflare: "cloudflareToken" } as const;

export function createAccountBook(accounts: Readonly<Record<string, AccountTokens>>): AccountBook {
  const names = Object.keys(accounts).toSorted(
    (a, b) => Number(b === "default") - Number(a === "default") || (a < b ? -1 : 1),
  );
  const tokenOf = (cloud: CloudName, account: string): string | undefined =>
    accounts[account]?.[tokenField[cloud]];
  return {
    tokenOf,
    budgetOf(cloud, account) {
      const token = tokenOf(cloud, account);
      return names.find((name) => accounts[name]?.[tokenField[cloud]] === token) ?? account;
    },
  };
}
