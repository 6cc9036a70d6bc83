/** Clients of the clouds with an account's tokens. */
import { createCloudflare, type Cloudflare } from "../cloud/cloudflare.ts";
import { createHetzner, type Hetzner } from "../cloud/hetzner.ts";
import type { CloudName } from "../cloud/http.ts";
import { tokenVariable } from "../../infra/accounts.ts";
import type { AccountTokens } from "../account-tokens.ts";
import type { WorkConfig } from "../config.ts";
import { ClawfleetError } from "../errors.ts";

type Accounts = Pick<WorkConfig, "accounts">;

/** @throws ClawfleetError config_invalid when this process has no tokens of the account; one that has them may try again. */
export function findTokens({ accounts }: Accounts, account: string): AccountTokens {
  const tokens = accounts[account];
  if (tokens) return tokens;
  throw new ClawfleetError({
    code: "config_invalid",
    message: `this worker has no tokens of the account ${account}`,
    remedy: `set ${tokenVariable("hetzner", account)} and ${tokenVariable("cloudflare", account)}`,
    retry: { kind: "retryable" },
  });
}

/** @throws ClawfleetError as `findTokens` */
export function createClouds(
  config: Accounts,
  account: string,
  urls: Record<CloudName, string>,
): { hetzner: Hetzner; cloudflare: Cloudflare } {
  const { hcloudToken, cloudflareToken } = findTokens(config, account);
  return {
    hetzner: createHetzner({ baseUrl: urls.hetzner, token: hcloudToken, fetch }),
    cloudflare: createCloudflare({ baseUrl: urls.cloudflare, token: cloudflareToken, fetch }),
  };
}
