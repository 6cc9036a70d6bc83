/** The customer's way: sign-up form, payment, live progress, and the credentials once. */
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { Logger } from "pino";
import { z } from "zod";
import { isClawfleetError } from "../errors.ts";
import { orderIdPattern } from "../orders/order-id.ts";
import { CredentialsPage, OrderPage, WayInPage } from "../web/order-page.tsx";
import type { OrderView } from "../web/order-view.ts";
import { SignupPage, type PlanOffer, type SignupPageProps } from "../web/signup-page.tsx";
import { ProblemPage } from "../web/problem-page.tsx";

export type OrderDeps = {
  /** Domain under which a new instance would be reached now; undefined while no cell takes any. */
  zone(): Promise<string | undefined>;
  log: Logger;
  readOffers(): Promise<PlanOffer[]>;
  /** Reserves the name and opens Checkout. @throws slug_taken, input_invalid, billing_unavailable */
  placeOrder(input: { plan: string; slug: string }): Promise<{ orderId: string; payUrl: string }>;
  /** Gives the name back when the customer turns away from the payment. */
  cancelOrder(orderId: string): Promise<void>;
  readOrder(orderId: string): Promise<OrderView | undefined>;
  /** The order that a payment page leads back to, the first time only. */
  findReturn(token: string): Promise<string | undefined>;
  /** Address and token, the first time only. */
  revealCredentials(orderId: string): Promise<{ url: string; token: string } | undefined>;
  /** A link that signs in to its control page, once and within ten minutes. @throws conflict when the machine gives none */
  openAssistant(orderId: string): Promise<string | undefined>;
  /** Resolves when something about the order may have changed, or after `timeoutMs`. */
  waitForChange(orderId: string, timeoutMs: number): Promise<void>;
};

const orderForm = z.object({ plan: z.string().max(64), slug: z.string().max(64) });
const soldOut = {
  title: "No new assistants right now",
  text: "Every server that we may run is taken. Nothing was charged; please come back later.",
};
const notNow = {
  title: "It does not let you in right now",
  text: "Your assistant is restarting or busy. Nothing is lost; please try again in a minute.",
};
const noWayBack = {
  title: "Thank you",
  text: "This way back has been used, or was open for too long. The address of your order is in the mail that we send you.",
};
const STREAM_LIMIT_MS = 15 * 60_000;
const HEARTBEAT_MS = 15_000;

export function createOrderRoutes(deps: OrderDeps) {
  async function signup(props: Pick<SignupPageProps, "values" | "error">) {
    const zone = await deps.zone();
    if (zone === undefined) return <ProblemPage {...soldOut} />;
    return <SignupPage offers={await deps.readOffers()} zone={zone} {...props} />;
  }

  return new Hono()
    .get("/", async (c) => c.html(await signup({ values: { plan: c.req.query("plan") } })))
    .post("/orders", async (c) => {
      if ((await deps.zone()) === undefined) return c.html(<ProblemPage {...soldOut} />, 503);
      const form = orderForm.safeParse(await c.req.parseBody());
      if (!form.success) {
        const error = { field: "form", message: "Choose a plan and a name." } as const;
        return c.html(await signup({ values: {}, error }), 400);
      }
      const values = { plan: form.data.plan, slug: form.data.slug.trim().toLowerCase() };
      try {
        const { payUrl } = await deps.placeOrder(values);
        return c.redirect(payUrl, 303);
      } catch (error) {
        const problem = toFormProblem(error);
        if (!problem) throw error;
        deps.log.info({ code: problem.code, slug: values.slug }, "order refused");
        return c.html(await signup({ values, error: problem }), problem.status);
      }
    })
    .get(`/back/:token{${orderIdPattern}}`, async (c) => {
      c.header("cache-control", "no-store");
      const id = await deps.findReturn(c.req.param("token"));
      return id === undefined
        ? c.html(<ProblemPage {...noWayBack} />, 404)
        : c.redirect(`/orders/${id}`, 303);
    })
    .get(`/orders/:id{${orderIdPattern}}`, async (c) => {
      const order = await deps.readOrder(c.req.param("id"));
      if (!order)
        return c.html(<ProblemPage title="No such order" text="This address belongs to no order." />, 404);
      return c.html(<OrderPage order={order} />);
    })
    .post(`/orders/:id{${orderIdPattern}}/cancel`, async (c) => {
      await deps.cancelOrder(c.req.param("id"));
      return c.redirect(`/orders/${c.req.param("id")}`, 303);
    })
    .post(`/orders/:id{${orderIdPattern}}/credentials`, async (c) => {
      const credentials = await deps.revealCredentials(c.req.param("id"));
      if (!credentials) return c.redirect(`/orders/${c.req.param("id")}`, 303);
      c.header("cache-control", "no-store");
      return c.html(<CredentialsPage {...credentials} />);
    })
    .post(`/orders/:id{${orderIdPattern}}/open`, async (c) => {
      c.header("cache-control", "no-store");
      try {
        const link = await deps.openAssistant(c.req.param("id"));
        if (link === undefined) return c.redirect(`/orders/${c.req.param("id")}`, 303);
        return c.html(<WayInPage link={link} />);
      } catch (error) {
        if (!isClawfleetError(error)) throw error;
        deps.log.warn({ err: error }, "a customer could not be signed in");
        return c.html(<ProblemPage {...notNow} back={`/orders/${c.req.param("id")}`} />, 503);
      }
    })
    .get(`/orders/:id{${orderIdPattern}}/events`, async (c) => {
      const id = c.req.param("id");
      const first = await deps.readOrder(id);
      if (!first) return c.body(null, 404);
      return streamSSE(c, async (stream) => {
        const end = Date.now() + STREAM_LIMIT_MS;
        let sent = "";
        while (!stream.aborted && Date.now() < end) {
          const view = await deps.readOrder(id);
          if (!view) return;
          const reload = view.state !== first.state;
          const data = JSON.stringify({ reload, detail: view.detail, steps: view.steps });
          if (data !== sent) await stream.writeSSE({ event: "view", data });
          else await stream.writeSSE({ event: "beat", data: "" });
          if (reload) return;
          sent = data;
          await deps.waitForChange(id, HEARTBEAT_MS);
        }
      });
    });
}

type FormProblem = {
  field: "slug" | "plan" | "form";
  message: string;
  status: 400 | 409 | 503;
  code: string;
};

function toFormProblem(error: unknown): FormProblem | undefined {
  if (!isClawfleetError(error)) return undefined;
  const { code, message } = error;
  if (code === "slug_taken") return { field: "slug", message, status: 409, code };
  if (code === "input_invalid") {
    return { field: error.data["field"] === "plan" ? "plan" : "slug", message, status: 400, code };
  }
  if (code === "billing_unavailable") {
    const calm = "Payment cannot be reached right now. Nothing was charged; please try again in a minute.";
    return { field: "form", message: calm, status: 503, code };
  }
  return undefined;
}
