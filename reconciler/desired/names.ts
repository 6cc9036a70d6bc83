/** Under which names a subscription may live. Pure. */
import { createHash } from "node:crypto";
import { isReservedSlug } from "../../components/naming.ts";
import { slugSchema } from "../../infra/config.ts";

/** Hexadecimal digits of generated names; the last is as long as a name may be. */
const digits = [16, 30];
/** Of those that earlier versions generated: too few for 100,000 subscriptions, two of which had the same one. */
const earlierDigits = 8;

type Named = { id: string; slug: string | null };

/** undefined: none, or one that nobody can have. A paid order is never lost over its name. */
export function askedName({ slug }: Named): string | undefined {
  // At Paddle the buyer's browser writes it: also names that our own sign-up page refuses.
  const isPossible = slug !== null && slugSchema.safeParse(slug).success && !isReservedSlug(slug);
  return isPossible ? slug : undefined;
}

/** The same for the same subscription, every time; a longer one for when the one before it is another customer's. */
export function generatedNames(subscriptionId: string): string[] {
  return generate(subscriptionId, digits);
}

/** Nobody new gets it; who lives under it keeps it. */
export function earlierName(subscriptionId: string): string {
  return generate(subscriptionId, [earlierDigits]).join();
}

/** Those that it has a right to as long as nobody else has them: the one asked for, else those generated. */
export function ownNames(subscription: Named): string[] {
  const asked = askedName(subscription);
  return asked === undefined ? fallbackNames(subscription) : [asked];
}

/** Every one that may become its own: who has them has to be known to settle that. */
export function possibleNames(subscription: Named): string[] {
  return [...new Set([...ownNames(subscription), ...fallbackNames(subscription)])];
}

function fallbackNames({ id }: Named): string[] {
  return generate(id, [earlierDigits, ...digits]);
}

function generate(subscriptionId: string, lengths: readonly number[]): string[] {
  const hash = createHash("sha256").update(subscriptionId).digest("hex");
  return lengths.map((length) => `a-${hash.slice(0, length)}`);
}
