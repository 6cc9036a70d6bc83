/** What the mail catcher can be told to do with somebody's mail. */

export type MailRule = {
  /** Part of the recipient's address; everybody's when absent. */
  to?: string;
  /** How many mails are hit. Default 1. */
  times?: number;
  effect: MailEffect;
};

export type MailEffect =
  /** Says no to the recipient (`rcpt`), or to the whole message after its final dot (`data`). */
  | { kind: "answer"; at: "rcpt" | "data"; code: number; text: string }
  /** Takes nothing: the connection breaks when the recipient is named. */
  | { kind: "drop-before" }
  /** Keeps the mail and breaks the connection instead of saying so. */
  | { kind: "drop-after" }
  /** Answers as usual, but only when `release` resolves. */
  | { kind: "hold"; at: "rcpt" | "data"; release: Promise<void>; onHeld?: () => void };

export type MailRules = {
  add(...rules: MailRule[]): void;
  clear(): void;
  /** The effect on this mail, used up by the call; `at` is the step where it is asked for. */
  take(to: string, at: "rcpt" | "data"): MailEffect | undefined;
};

export function createMailRules(): MailRules {
  let armed: (MailRule & { left: number })[] = [];
  return {
    add(...rules) {
      armed.push(...rules.map((rule) => ({ ...rule, left: rule.times ?? 1 })));
    },
    clear() {
      armed = [];
    },
    take(to, at) {
      const hit = armed.find(({ to: part = "", effect }) => to.includes(part) && stepOf(effect) === at);
      if (!hit) return undefined;
      hit.left -= 1;
      armed = armed.filter(({ left }) => left > 0);
      return hit.effect;
    },
  };
}

function stepOf(effect: MailEffect): "rcpt" | "data" {
  if (effect.kind === "answer" || effect.kind === "hold") return effect.at;
  return effect.kind === "drop-before" ? "rcpt" : "data";
}
