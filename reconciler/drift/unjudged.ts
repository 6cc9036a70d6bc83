/** What a scan leaves unjudged while it concludes about all the rest, and how its record says so. Pure. */
import type { ScannedStack } from "../db/drift.ts";

/** By stack: why its state cannot be read. */
export type Unreadable = ReadonlyMap<string, string>;

/** A state that cannot be read is no last word: of its stack what is known stands, as of one that is being worked on. */
export function leaveUnreadable(stacks: readonly ScannedStack[], unreadable: Unreadable): ScannedStack[] {
  return stacks.map((one) => (unreadable.has(one.stack) ? { ...one, resting: false } : one));
}

/** More would say the same. */
const maxNamed = 20;

/** For the scan's record; null: everything could be read. */
export function describeUnjudged(
  account: string,
  stacks: readonly Pick<ScannedStack, "stack" | "account">[],
  unreadable: Unreadable,
): string | null {
  const reasons = stacks.flatMap((one) => {
    const why = one.account === account ? unreadable.get(one.stack) : undefined;
    return why === undefined ? [] : [`the state of ${one.stack} (${why})`];
  });
  if (reasons.length === 0) return null;
  const more = reasons.length > maxNamed ? `; and ${reasons.length - maxNamed} more` : "";
  return `not judged: ${reasons.slice(0, maxNamed).join("; ")}${more}`;
}
