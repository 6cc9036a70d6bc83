/** How handing a message to another system can end, whatever the system. */

export type Delivery =
  /** It has it. */
  | { kind: "sent"; detail: string }
  /** It will never take this one. */
  | { kind: "refused"; detail: string }
  /** Not this one, not now. */
  | { kind: "deferred"; detail: string; afterMs?: number }
  /** It takes nobody's now. */
  | { kind: "down"; detail: string }
  /** Everything was handed over and no answer came: it may have it or not. */
  | { kind: "unknown"; detail: string }
  /** We drew back before it had it: the claim on the message was lost. */
  | { kind: "withheld" };

/**
 * Writes down that the message is on its way, in the last moment at which it can still be held back.
 * False: somebody else has it by now.
 */
export type Commit = () => Promise<boolean>;
