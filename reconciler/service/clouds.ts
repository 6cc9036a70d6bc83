/** Clients of the clouds with an account's tokens. */
import { createCloudflare, type Cloudflare } from "../cloud/cloudflare.ts";
import { createHetzner, type Hetzner } from "../cloud/hetzner.ts";
import type { CloudName } from "../cloud/http.ts";
import { tokenVariable } from "../../infra/accounts.ts";
import type { WorkConfig } from "../config.ts";
import { ClawfleetError } from "../errors.ts";

/** @throws ClawfleetError config_invalid when this process has no tokens of the account; one that has them may try again. */
export function createClouds(
  config: Pick<WorkConfig, "accounts">,
  account: string,
  urls: Record<CloudName, string>,
): { hetzner: Hetzner; cloudflare: Cloudflare } {
  const tokens = config.accounts[account];
  if (!tokens) {
    throw new ClawfleetError({
      code: "config_invalid",
      message: `this worker has no tokens of the account ${account}`,
      remedy: `set ${tokenVariable("hetzner", account)} and ${tokenVariable("cloudflare", account)}`,
      retry: { kind: "retryable" },
    });
  }
  return {
    hetzner: createHetzner({ baseUrl: urls.hetzner, token: tokens.hcloudToken, fetch }),
    cloudflare: createCloudflare({ baseUrl: urls.cloudflare, token: tokens.cloudflareToken, fetch }),
  };
}
