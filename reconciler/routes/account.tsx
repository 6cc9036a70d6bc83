/**
 * The customer's billing page. Who knows an order's address sees how its subscription stands; who wants to change something
 * comes by a link from a mail to its customer.
 */
import { Hono, type Context } from "hono";
import type { Logger } from "pino";
import { z } from "zod";
import type { Account } from "../account/account.ts";
import { mostSeats } from "../billing/seats.ts";
import { isClawfleetError } from "../errors.ts";
import { orderIdPattern } from "../orders/order-id.ts";
import { AccountPage, type AccountPageProps } from "../web/account-page.tsx";
import { EntryPage } from "../web/entry-page.tsx";
import { PreviewPage } from "../web/preview-page.tsx";
import { ProblemPage } from "../web/problem-page.tsx";
import { accountCookie, findStanding, requireEntry, type Access, type AccountEnv } from "./account-guard.tsx";
import { refuseForeign } from "./browser-session.ts";

export type AccountRoutesDeps = Account & { log: Logger; access: Access };

const root = `/orders/:id{${orderIdPattern}}/billing` as const;
const planForm = z.object({ plan: z.string().max(64) });
const quantityForm = z.object({ quantity: z.coerce.number().int().min(1).max(mostSeats) });
const wishForm = z.union([quantityForm, planForm]);
const agreedForm = z.object({ at: z.coerce.date() });
const addressForm = z.object({ address: z.string().max(64) });
const tokenForm = z.object({ token: z.string().max(64) });

const noAccount = {
  title: "No subscription here",
  text: "There is no subscription behind this address yet.",
};
const calm = "Billing cannot be reached right now. Nothing was changed; please try again in a minute.";
const chooseAgain = `Choose one of the plans, or a number of assistants from 1 to ${mostSeats}.`;
const foreignForm = "This form is not of the page that you have open now. Open the page again, please.";
const askFirst = "Nothing was changed. Ask for a link first, below.";
const deadLink = "This link has been used, or is too old. Ask for another one, below.";
const notAsked = {
  too_often: "Too many links were sent today. Use the last one, or try again tomorrow.",
  no_address: "No e-mail address is known for this subscription. Please write to us.",
} as const;

type Status = 200 | 400 | 403 | 409 | 429 | 503;
type Said = Pick<AccountPageProps, "problem" | "asked">;

export function createAccountRoutes(deps: AccountRoutesDeps) {
  const { access } = deps;
  const home = (c: Context) => `/orders/${idOf(c)}/billing`;

  async function show(c: Context<AccountEnv>, status: Status = 200, said: Said = {}) {
    const account = await deps.read(idOf(c));
    if (!account) return c.html(<ProblemPage {...noAccount} />, 404);
    return c.html(<AccountPage account={account} standing={c.get("standing")} {...said} />, status);
  }

  /** Where it leads, or the page again with what is wrong. */
  async function act(c: Context<AccountEnv>, work: () => Promise<Response>) {
    try {
      return await work();
    } catch (error) {
      if (!isClawfleetError(error)) throw error;
      deps.log.info({ code: error.code, err: error }, "a customer's wish was refused");
      const problem = error.message;
      if (error.code === "not_found") return c.html(<ProblemPage {...noAccount} />, 404);
      if (error.code === "billing_unavailable") return await show(c, 503, { problem: calm });
      if (error.code === "conflict") return await show(c, 409, { problem });
      if (error.code === "input_invalid") return await show(c, 400, { problem });
      throw error;
    }
  }

  const entered = requireEntry((c) => show(c, 403, { problem: askFirst }));

  return new Hono<AccountEnv>()
    .use(`${root}/*`, refuseForeign(foreignForm), findStanding(access), async (c, next) => {
      await next();
      c.header("cache-control", "no-store");
    })
    .get(root, (c) => show(c, 200, { asked: c.req.query("asked") !== undefined }))
    .post(`${root}/ask`, async (c) => {
      const asked = (await access?.ask(idOf(c))) ?? "asked";
      if (asked === "asked") return c.redirect(`${home(c)}?asked=1`, 303);
      return await show(c, asked === "too_often" ? 429 : 409, { problem: notAsked[asked] });
    })
    .get(`${root}/enter`, (c) => c.html(<EntryPage orderId={idOf(c)} token={c.req.query("token") ?? ""} />))
    .post(`${root}/enter`, async (c) => {
      const form = tokenForm.safeParse(await c.req.parseBody());
      const session = form.success ? await access?.enter(idOf(c), form.data.token) : undefined;
      if (!session) return await show(c, 403, { problem: deadLink });
      accountCookie.keep(c, session.token, session.maxAgeSeconds);
      return c.redirect(home(c), 303);
    })
    .post(`${root}/leave`, entered, async (c) => {
      await access?.end(accountCookie.read(c) ?? "");
      accountCookie.drop(c);
      return c.redirect(home(c), 303);
    })
    .get(`${root}/change`, entered, async (c) => {
      const wish = wishForm.safeParse(c.req.query()).data;
      const standing = c.get("standing");
      if (!wish || standing.kind === "shut") return await show(c, 400, { problem: chooseAgain });
      return await act(c, async () => {
        const change = await deps.preview(idOf(c), wish);
        return c.html(<PreviewPage orderId={idOf(c)} wish={wish} change={change} entry={standing.entry} />);
      });
    })
    .post(`${root}/change`, entered, async (c) => {
      const form = wishForm.and(agreedForm).safeParse(await c.req.parseBody());
      if (!form.success) return await show(c, 400, { problem: chooseAgain });
      const { at, ...wish } = form.data;
      return await act(c, async () => {
        await deps.change(idOf(c), wish, at);
        return c.redirect(home(c), 303);
      });
    })
    .post(`${root}/cancel`, entered, (c) =>
      act(c, async () => {
        await deps.cancel(idOf(c));
        return c.redirect(home(c), 303);
      }),
    )
    .post(`${root}/keep`, entered, (c) =>
      act(c, async () => {
        await deps.keep(idOf(c));
        return c.redirect(home(c), 303);
      }),
    )
    .post(`${root}/return`, entered, async (c) => {
      const form = planForm.safeParse(await c.req.parseBody());
      if (!form.success) return await show(c, 400, { problem: chooseAgain });
      return await act(c, async () => c.redirect(await deps.comeBack(idOf(c), form.data.plan), 303));
    })
    .post(`${root}/portal`, entered, (c) =>
      act(c, async () => c.redirect(await deps.openPortal(idOf(c)), 303)),
    )
    .post(`${root}/address`, entered, async (c) => {
      const form = addressForm.safeParse(await c.req.parseBody());
      return await act(c, async () => {
        await deps.chooseAddress(idOf(c), form.data?.address ?? "");
        return c.redirect(home(c), 303);
      });
    })
    .get(`${root}/invoices/:invoice`, entered, async (c) => {
      const url = await deps.findInvoiceUrl(idOf(c), c.req.param("invoice")).catch(() => undefined);
      if (url !== undefined) return c.redirect(url, 303);
      return c.html(
        <ProblemPage title="No such invoice" text="It is not there, or cannot be shown right now." />,
        404,
      );
    })
    .onError(answerRefused);
}

/** A form of another page, or of a session that is over. */
function answerRefused(error: Error, c: Context): Response | Promise<Response> {
  if (!isClawfleetError(error) || error.code !== "forbidden") throw error;
  const back = `/orders/${idOf(c)}/billing`;
  return c.html(<ProblemPage title="Nothing was changed" text={foreignForm} back={back} />, 403);
}

function idOf(c: Context): string {
  return c.req.param("id") ?? "";
}
