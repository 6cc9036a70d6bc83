/** Which budget an account's requests come out of: that of its token, under one key in every process, whatever it is called there. Pure. */
import { hashWithKey } from "../../infra/seal.ts";
import type { CloudName } from "../cloud/http.ts";
import type { AccountTokens } from "../account-tokens.ts";

export type AccountBook = {
  /** A keyed hash of the account's token; of an account without one here its name, which no hash looks like. */
  keyOf(cloud: CloudName, account: string): string;
  /** Names that this process knows the token by; none when it has no such token. */
  namesOf(cloud: CloudName, tokenKey: string): string[];
  tokenOf(cloud: CloudName, tokenKey: string): string | undefined;
};

const tokenField = { hetzner: "hcloudToken", cloudflare: "cloudflareToken" } as const;
const keyBytes = 10;

export function createAccountBook(
  accounts: Readonly<Record<string, AccountTokens>>,
  masterKey: string,
): AccountBook {
  const entries = (["hetzner", "cloudflare"] as const).flatMap((cloud) =>
    Object.entries(accounts).map(([account, tokens]) => {
      const token = tokens[tokenField[cloud]];
      const hash = hashWithKey(masterKey, "token", `${cloud} ${token}`);
      return { cloud, account, token, key: hash.toString("hex", 0, keyBytes) };
    }),
  );
  const findAll = (cloud: CloudName, key: string) =>
    entries.filter((entry) => entry.cloud === cloud && entry.key === key);
  return {
    keyOf: (cloud, account) =>
      entries.find((entry) => entry.cloud === cloud && entry.account === account)?.key ?? account,
    namesOf: (cloud, key) => findAll(cloud, key).map(({ account }) => account),
    tokenOf: (cloud, key) => findAll(cloud, key)[0]?.token,
  };
}
