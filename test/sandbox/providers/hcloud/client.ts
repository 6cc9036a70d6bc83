/** Talks to the Hetzner Cloud API as hcloud-go does: its headers, its retries, its waits. */
import { setTimeout as sleep } from "node:timers/promises";
import { toGoError } from "../bridge/http-words.ts";
import { bagOf, isBag, listOf, type Bag } from "../bridge/values.ts";
import { hasCode, HcloudError, isRetried, toError } from "./errors.ts";

export type HcloudClient = {
  call(method: string, path: string, body?: unknown): Promise<Bag>;
  /** The object of `path`, undefined when there is none. */
  find(path: string, member: string): Promise<Bag | undefined>;
  /** Waits until every action has ended, one after the other. @throws HcloudError of the first that failed. */
  waitFor(...actions: readonly unknown[]): Promise<void>;
  /** Tries again on these codes, `tries` times in all, waiting 1, 2, 4 … 60 s. */
  retryOn<T>(codes: readonly string[], tries: number, work: () => Promise<T>): Promise<T>;
  /** `seconds` of the provider's own waits, scaled. */
  pause(seconds: number): Promise<void>;
};

export type HcloudClientOptions = {
  /** With `/v1`, without a trailing slash. */
  endpoint: string;
  token: string;
  pollIntervalMs: number;
  /** `constant`, or doubling up to `pollCapMs`. */
  pollFunction: string;
  pollCapMs: number;
  /** Factor on every wait that is not a poll; 1 is real. */
  timeScale: number;
  /** Gives up requests and waits. */
  signal: AbortSignal;
};

const maxRetries = 5;
const maxPauseSeconds = 60;
const pollLimit = 5000;

export function createHcloudClient(options: HcloudClientOptions): HcloudClient {
  const { signal } = options;
  const wait = (ms: number) => sleep(ms, undefined, { signal });
  const pause = (seconds: number) => wait(Math.min(maxPauseSeconds, seconds) * 1000 * options.timeScale);

  async function once(method: string, path: string, body: unknown): Promise<Bag> {
    const url = `${options.endpoint}${path}`;
    const answer = await fetch(url, {
      method,
      signal,
      headers: {
        authorization: `Bearer ${options.token}`,
        "user-agent": "hcloud-terraform/1.67.0 hcloud-go/2.52.0",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      throw toGoError(method, url, error);
    });
    const text = await answer.text();
    if (answer.ok) return text === "" ? {} : JSON.parse(text);
    throw toError(answer, text);
  }

  async function call(method: string, path: string, body?: unknown): Promise<Bag> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await once(method, path, body);
      } catch (error) {
        if (attempt >= maxRetries || !isRetried(error)) throw error;
        await pause(2 ** attempt);
      }
    }
  }

  async function waitForOne(action: unknown): Promise<void> {
    let current = action;
    for (let poll = 0; poll < pollLimit; poll += 1) {
      if (!isBag(current) || current["status"] === "success") return;
      if (current["status"] === "error") throw actionError(current);
      await wait(pollDelay(poll));
      const answer = await call("GET", `/actions?id=${String(current["id"])}&page=1&sort=status&sort=id`);
      const found: unknown = listOf(answer["actions"])[0];
      if (!isBag(found)) throw new Error(`actions not found: ${String(current["id"])}`);
      current = found;
    }
    throw new Error("action did not end");
  }

  function pollDelay(poll: number): number {
    if (options.pollFunction === "constant") return options.pollIntervalMs;
    return Math.min(options.pollCapMs, options.pollIntervalMs * 2 ** poll);
  }

  return {
    call,
    pause,
    async find(path, member) {
      try {
        return bagOf((await call("GET", path))[member]);
      } catch (error) {
        if (hasCode(error, "not_found")) return undefined;
        throw error;
      }
    },
    async waitFor(...actions) {
      for (const action of actions) await waitForOne(action);
    },
    async retryOn(codes, tries, work) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await work();
        } catch (error) {
          if (attempt >= tries || !hasCode(error, ...codes)) throw error;
          await pause(2 ** (attempt - 1));
        }
      }
    },
  };
}

/** An action has no correlation id; hcloud-go shows the action's own. */
function actionError(action: Bag): HcloudError {
  const { code, message } = bagOf(action["error"]);
  return new HcloudError(String(code), 0, String(message), String(action["id"]));
}
