/** Idempotency keys: the same request again gives the first answer; another one under the same key is refused. */
import { StripeRefusal } from "./errors.ts";

type Remembered = { request: string; status: number; body: string };

export type Idempotency = {
  /** The answer that this key got before. @throws StripeRefusal when it was another request. */
  recall(key: string, request: string): Remembered | undefined;
  remember(key: string, answer: Remembered): void;
};

export function createIdempotency(): Idempotency {
  const known = new Map<string, Remembered>();
  return {
    recall(key, request) {
      const before = known.get(key);
      if (before && before.request !== request) {
        throw new StripeRefusal(400, {
          type: "idempotency_error",
          message: `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
        });
      }
      return before;
    },
    remember: (key, answer) => void known.set(key, answer),
  };
}
