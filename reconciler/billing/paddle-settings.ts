/** What the environment says of Paddle: all of it, or none of it, and nothing that mixes live and sandbox. */
import { z } from "zod";

export type PaddleSettings = {
  apiKey: string;
  /** Several while one is being rotated. */
  webhookSecrets: readonly string[];
  /** Without a slash at the end. */
  apiUrl: string;
  /** Page of ours with Paddle.js on it, of a domain that Paddle approved; it opens the checkout. */
  checkoutUrl: string;
};

const liveUrl = "https://api.paddle.com";
const sandboxUrl = "https://sandbox-api.paddle.com";

/** Part of the environment's schema. */
export const paddleVariables = {
  /** Says by itself whether it is one for real money (source: Paddle, API keys, since 2025-05-06). */
  PADDLE_API_KEY: z
    .string()
    .regex(/^pdl_(live|sdbx)_apikey_\w+$/, "a Paddle API key: pdl_live_apikey_… or pdl_sdbx_apikey_…")
    .optional(),
  /** Several, separated by commas, while a secret is being rotated. */
  PADDLE_WEBHOOK_SECRET: z
    .string()
    .transform((value) => value.split(",").map((secret) => secret.trim()))
    .pipe(z.array(z.string().startsWith("pdl_ntfset_", "starts with pdl_ntfset_")).min(1))
    .optional(),
  PADDLE_API_URL: z.url({ protocol: /^https?$/ }).optional(),
  PADDLE_CHECKOUT_URL: z.url({ protocol: /^https?$/ }).optional(),
};

type PaddleVariables = z.output<z.ZodObject<typeof paddleVariables>>;

/** undefined: this installation has no Paddle. Mistakes are added to `problems`. */
export function toPaddleSettings(env: PaddleVariables, problems: string[]): PaddleSettings | undefined {
  const { PADDLE_API_KEY: apiKey, PADDLE_WEBHOOK_SECRET: webhookSecrets } = env;
  const { PADDLE_CHECKOUT_URL: checkoutUrl } = env;
  const needed = {
    PADDLE_API_KEY: apiKey,
    PADDLE_WEBHOOK_SECRET: webhookSecrets,
    PADDLE_CHECKOUT_URL: checkoutUrl,
  };
  const absent = Object.entries(needed).filter(([, value]) => value === undefined);
  if (absent.length === Object.keys(needed).length && env.PADDLE_API_URL === undefined) return undefined;
  problems.push(
    ...absent.map(([name]) => `${name} is missing: Paddle needs all of ${Object.keys(needed).join(", ")}`),
  );
  if (apiKey === undefined || webhookSecrets === undefined || checkoutUrl === undefined) return undefined;
  const live = isLiveKey(apiKey);
  const apiUrl = (env.PADDLE_API_URL ?? (live ? liveUrl : sandboxUrl)).replace(/\/$/, "");
  if (apiUrl === (live ? sandboxUrl : liveUrl))
    problems.push(
      `PADDLE_API_URL: is that of the other environment than ${live ? "the live" : "the sandbox"} key`,
    );
  return { apiKey, webhookSecrets, apiUrl, checkoutUrl };
}

export function isLiveKey(apiKey: string): boolean {
  return apiKey.startsWith("pdl_live_");
}
