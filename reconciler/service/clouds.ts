/** Clients of the clouds with an account's tokens. */
import { createCloudflare, type Cloudflare } from "../cloud/cloudflare.ts";
import { createHetzner, type Hetzner } from "../cloud/hetzner.ts";
import type { CloudName } from "../cloud/http.ts";
import type { AccountTokens, WorkConfig } from "../config.ts";
import { ClawfleetError } from "../errors.ts";

type Accounts = Pick<WorkConfig, "accounts">;

/** @throws ClawfleetError config_invalid, which parks, when this process has no tokens for the account. */
export function findTokens({ accounts }: Accounts, account: string): AccountTokens {
  const tokens = accounts[account] ?? accounts["default"];
  if (tokens) return tokens;
  throw new ClawfleetError({
    code: "config_invalid",
    message: `there are no tokens for the account ${account}`,
    remedy: `set HCLOUD_TOKEN_${account.toUpperCase()} and CLOUDFLARE_API_TOKEN_${account.toUpperCase()}`,
    retry: { kind: "permanent" },
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
