/** The customer's billing page. Who knows an order's address is its customer: it is long, random and in their letters alone. */
import { Hono, type Context } from "hono";
import type { Logger } from "pino";
import { z } from "zod";
import type { Account } from "../account/account.ts";
import { isClawfleetError } from "../errors.ts";
import { AccountPage, PreviewPage } from "../web/account-page.tsx";
import { ProblemPage } from "../web/problem-page.tsx";
import { orderIdPattern } from "./order-id.ts";

export type AccountRoutesDeps = Account & { log: Logger };

const root = `/orders/:id{${orderIdPattern}}/billing` as const;
const planField = z.object({ plan: z.string().max(64) });
const changeForm = planField.extend({ at: z.coerce.date() });
const noAccount = {
  title: "No subscription here",
  text: "There is no subscription behind this address yet.",
};
const calm = "Billing cannot be reached right now. Nothing was changed; please try again in a minute.";

export function createAccountRoutes(deps: AccountRoutesDeps) {
  const home = (id: string) => `/orders/${id}/billing`;

  async function show(c: Context, id: string, status: 200 | 400 | 409 | 503 = 200, problem?: string) {
    const account = await deps.read(id);
    c.header("cache-control", "no-store");
    return account
      ? c.html(<AccountPage account={account} problem={problem} />, status)
      : c.html(<ProblemPage {...noAccount} />, 404);
  }

  /** Where it leads, or the page again with what is wrong. */
  async function act(c: Context, id: string, work: () => Promise<string>) {
    try {
      return c.redirect(await work(), 303);
    } catch (error) {
      return await refuse(c, id, error);
    }
  }

  async function refuse(c: Context, id: string, error: unknown) {
    if (!isClawfleetError(error)) throw error;
    deps.log.info({ code: error.code, err: error }, "a customer's wish was refused");
    if (error.code === "not_found") return c.html(<ProblemPage {...noAccount} />, 404);
    if (error.code === "billing_unavailable") return await show(c, id, 503, calm);
    if (error.code === "conflict") return await show(c, id, 409, error.message);
    if (error.code === "input_invalid") return await show(c, id, 400, error.message);
    throw error;
  }

  const chooseAgain = "Choose one of the plans.";

  return new Hono()
    .get(root, (c) => show(c, c.req.param("id")))
    .get(`${root}/change`, async (c) => {
      const id = c.req.param("id");
      const plan = planField.safeParse(c.req.query()).data?.plan;
      if (plan === undefined) return await show(c, id, 400, chooseAgain);
      try {
        c.header("cache-control", "no-store");
        return c.html(<PreviewPage orderId={id} planId={plan} preview={await deps.preview(id, plan)} />);
      } catch (error) {
        return await refuse(c, id, error);
      }
    })
    .post(`${root}/change`, async (c) => {
      const id = c.req.param("id");
      const form = changeForm.safeParse(await c.req.parseBody());
      if (!form.success) return await show(c, id, 400, chooseAgain);
      return await act(c, id, async () => {
        await deps.change(id, form.data.plan, form.data.at);
        return home(id);
      });
    })
    .post(`${root}/cancel`, async (c) => {
      const id = c.req.param("id");
      return await act(c, id, async () => {
        await deps.cancel(id);
        return home(id);
      });
    })
    .post(`${root}/keep`, async (c) => {
      const id = c.req.param("id");
      return await act(c, id, async () => {
        await deps.keep(id);
        return home(id);
      });
    })
    .post(`${root}/return`, async (c) => {
      const id = c.req.param("id");
      const form = planField.safeParse(await c.req.parseBody());
      if (!form.success) return await show(c, id, 400, chooseAgain);
      return await act(c, id, () => deps.comeBack(id, form.data.plan));
    })
    .post(
      `${root}/portal`,
      async (c) => await act(c, c.req.param("id"), () => deps.openPortal(c.req.param("id"))),
    )
    .get(`${root}/invoices/:invoice`, async (c) => {
      const url = await deps.findInvoiceUrl(c.req.param("id"), c.req.param("invoice")).catch(() => undefined);
      if (url !== undefined) return c.redirect(url, 303);
      return c.html(
        <ProblemPage title="No such invoice" text="It is not there, or cannot be shown right now." />,
        404,
      );
    });
}
