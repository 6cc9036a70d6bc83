/** Proves that a run gets the tokens of its own account or none, by table. That queue and configuration agree is tested there. */
import { describe, expect, it } from "vitest";
import { readCredentials } from "../../infra/inputs.ts";
import { createClouds } from "../../reconciler/service/clouds.ts";

const tokens = { HCLOUD_TOKEN: "h-default", CLOUDFLARE_API_TOKEN: "c-default" };
const own = { ...tokens, HCLOUD_TOKEN_SECOND: "h-second" };

describe("tokens of an account", () => {
  it.each([
    ["default", tokens, "h-default c-default"],
    ["second", { ...own, CLOUDFLARE_API_TOKEN_SECOND: "c-second" }, "h-second c-second"],
    ["second", { ...own, CLOUDFLARE_API_TOKEN_SECOND: "default" }, "h-second c-default"],
  ])("of %s", (account, environment, expected) => {
    const { hcloudToken, cloudflareToken } = readCredentials(environment, account);
    expect(`${hcloudToken} ${cloudflareToken}`).toBe(expected);
  });

  it.each([
    ["second", tokens, "HCLOUD_TOKEN_SECOND is not set"],
    ["second", { ...own, HCLOUD_TOKEN_SECOND: "" }, "HCLOUD_TOKEN_SECOND is not set"],
    ["second", own, "CLOUDFLARE_API_TOKEN_SECOND is not set"],
    [
      "second",
      { HCLOUD_TOKEN_SECOND: "h", CLOUDFLARE_API_TOKEN_SECOND: "default" },
      "CLOUDFLARE_API_TOKEN_SECOND",
    ],
    ["default", { HCLOUD_TOKEN_DEFAULT: "h", ...tokens, HCLOUD_TOKEN: undefined }, "HCLOUD_TOKEN is not set"],
  ])("of %s are missing and nobody else's are taken", (account, environment, problem) => {
    expect(() => readCredentials(environment, account)).toThrow(problem);
  });

  it("are not the default's in the service's own clients", () => {
    const accounts = { default: { hcloudToken: "h", cloudflareToken: "c" } };
    const urls = { hetzner: "http://127.0.0.1:9", cloudflare: "http://127.0.0.1:9" };
    expect(() => createClouds({ accounts }, "default", urls)).not.toThrow();
    expect(() => createClouds({ accounts }, "second", urls)).toThrow("no tokens of the account second");
  });
});
