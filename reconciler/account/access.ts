/**
 * Who may move money on an order's billing page: whoever reads the mail of its subscription. The order's address alone, which
 * never changes and which others may have seen, opens nothing but what it shows.
 */
import type { Sql } from "postgres";
import {
  deleteAccountSession,
  findLinkAsker,
  hasAccountSession,
  insertAccountSession,
  takeLink,
} from "../db/account-access.ts";
import { announceLink } from "../messages/occasions.ts";
import { announce } from "../messages/outbox.ts";
import { createToken, hashSecret } from "../secrets.ts";

export type Asked = "asked" | "too_often" | "no_address";

export type AccountAccess = {
  /** Writes a letter with a link; asked again within two minutes it is the same letter. */
  ask(orderId: string): Promise<Asked>;
  /** The link is worth nothing afterwards. undefined: it was used, is too old, or is another order's. */
  enter(orderId: string, linkToken: string): Promise<{ token: string; maxAgeSeconds: number } | undefined>;
  has(orderId: string, token: string): Promise<boolean>;
  end(token: string): Promise<void>;
};

const sessionMs = 3_600_000;
const linkMs = 30 * 60_000;
const askedAgainMs = 2 * 60_000;
const dayMs = 86_400_000;
/** More than anybody needs, and too few to annoy whose mailbox it is. */
const mostADay = 10;

export function createAccountAccess({ sql, clock }: { sql: Sql; clock: { now(): Date } }): AccountAccess {
  return {
    async ask(orderId) {
      const now = clock.now();
      const asker = await findLinkAsker(sql, orderId, new Date(now.getTime() - dayMs));
      if (!asker || asker.email === null) return "no_address";
      if (asker.asked >= mostADay) return "too_often";
      const expiresAt = new Date(now.getTime() + linkMs);
      const asked = new Date(Math.floor(now.getTime() / askedAgainMs) * askedAgainMs);
      await announce(sql, asker, announceLink({ orderId, asked, expiresAt }, now), now);
      return "asked";
    },
    async enter(orderId, linkToken) {
      const now = clock.now();
      return await sql.begin(async (tx) => {
        if (!(await takeLink(tx, { tokenHash: hashSecret(linkToken), orderId, now }))) return undefined;
        const token = createToken();
        const expiresAt = new Date(now.getTime() + sessionMs);
        await insertAccountSession(tx, { tokenHash: hashSecret(token), orderId, now, expiresAt });
        return { token, maxAgeSeconds: sessionMs / 1000 };
      });
    },
    has: (orderId, token) =>
      hasAccountSession(sql, { tokenHash: hashSecret(token), orderId, now: clock.now() }),
    end: (token) => deleteAccountSession(sql, hashSecret(token)),
  };
}
