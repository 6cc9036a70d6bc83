/** Clients of the clouds with an account's tokens. */
import { createCloudflare, type Cloudflare } from "../cloud/cloudflare.ts";
import { createHetzner, type Hetzner } from "../cloud/hetzner.ts";
import type { CloudName } from "../cloud/http.ts";
import type { WorkConfig } from "../config.ts";
import { ClawfleetError } from "../errors.ts";

/** @throws ClawfleetError config_invalid, which parks, when this process has no tokens for the account. */
export function createClouds(
  config: Pick<WorkConfig, "accounts">,
  account: string,
  urls: Record<CloudName, string>,
): { hetzner: Hetzner; cloudflare: Cloudflare } {
  const tokens = config.accounts[account] ?? config.accounts["default"];
  if (!tokens) {
    throw new ClawfleetError({
      code: "config_invalid",
      message: `there are no tokens for the account ${account}`,
      remedy: `set HCLOUD_TOKEN_${account.toUpperCase()} and CLOUDFLARE_API_TOKEN_${account.toUpperCase()}`,
      retry: { kind: "permanent" },
    });
  }
  return {
    hetzner: createHetzner({ baseUrl: urls.hetzner, token: tokens.hcloudToken, fetch }),
    cloudflare: createCloudflare({ baseUrl: urls.cloudflare, token: tokens.cloudflareToken, fetch }),
  };
}
