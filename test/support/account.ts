/** The billing page of orders as its customers meet it: both providers, real rows, their mail, and a browser each. */
import { Hono } from "hono";
import { createAccountAccess } from "../../reconciler/account/access.ts";
import { createAccount } from "../../reconciler/account/account.ts";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { createMessages } from "../../reconciler/messages/messages.ts";
import { createOrders } from "../../reconciler/orders/orders.ts";
import { createAccountRoutes } from "../../reconciler/routes/account.tsx";
import { createOrderRoutes } from "../../reconciler/routes/orders.tsx";
import { visit } from "../sandbox/customer.ts";
import { startMailCatcher, type MailCatcher } from "../sandbox/mail/mail.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { startBillingSide, type BillingSide } from "./billing.ts";
import { createVisitor, type Visitor } from "./console.ts";

export type AccountSide = {
  side: BillingSide;
  mail: MailCatcher;
  site: Hono;
  /** Pays for a plan; the id of the order. */
  buy(seller: BillingProvider, plan: string, slug: string): Promise<string>;
  pay(url: string, email: string): Promise<void>;
  /** A browser that nobody has let in. */
  visitor(): Visitor;
  /** Asks for a link and gives back what the mail has. */
  link(orderId: string): Promise<string>;
  /** That somebody else has asked for. */
  lastLink(orderId: string): Promise<string>;
  /** A browser that came by such a link. */
  enter(orderId: string): Promise<Visitor>;
  close(): Promise<void>;
};

/** `mail: false`: as with an installation that has no mail server. */
export async function startAccountSide(options: { mail: boolean } = { mail: true }): Promise<AccountSide> {
  const side = await startBillingSide();
  const mail = await startMailCatcher();
  const files = await readStackFiles(sandboxStacks);
  const { pro, starter } = files.plans;
  if (!pro || !starter) throw new Error("the sandbox has both");
  const grace = { pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 };
  // Paddle sells both here, so that there is a plan to change to.
  const paddlePriceId = "pri_01jsandboxpro0000000000000";
  const cycle = { interval: "month", frequency: 1 };
  side.paddle.seedPrice({ id: paddlePriceId, name: "pro", unitAmount: 5900, cycle });
  files.plans = { ...files.plans, pro: { ...pro, paddlePriceId, grace }, starter: { ...starter, grace } };
  side.apply.files = async () => files;
  const providers = [side.billing, side.paddleBilling];
  // Whoever has paid is led back there, where something has to answer.
  const publicUrl = side.stripe.origin;
  const common = { ...side.apply, files: () => side.apply.files(), publicUrl, plans: () => files.plans };
  const { log } = side.apply;
  const access = options.mail ? createAccountAccess(side.apply) : undefined;
  const watch = { wait: async () => undefined, stop: async () => undefined };
  const ordersOf = (sellers: BillingProvider[]) =>
    createOrders({ ...common, sellers, watch, zone: async () => "claws.example" });
  const site = new Hono()
    .route("/", createOrderRoutes({ ...ordersOf(providers), log, zone: async () => "claws.example" }))
    .route("/", createAccountRoutes({ ...createAccount({ ...common, providers }), log, access }));
  const { hostname, port } = new URL(mail.smtpUrl);
  const smtp = { host: hostname, port: Number(port), secure: false, auth: undefined };
  const messages = createMessages({
    ...common,
    settings: {
      mail: { smtp, from: { name: "Claws", address: "hello@claws.example" } },
      alertEmail: undefined,
      slackUrl: undefined,
      telegram: undefined,
    },
    raise: () => undefined,
  });

  async function pay(url: string, email: string): Promise<void> {
    await visit(url, {
      card: "4242 4242 4242 4242",
      name: "Test Person",
      email,
      expiry: "12 / 34",
      cvc: "123",
    });
    await side.settle();
  }

  const account: AccountSide = {
    side,
    mail,
    site,
    pay,
    async buy(seller, plan, slug) {
      const { orderId, payUrl } = await ordersOf([seller]).placeOrder({ plan, slug });
      await pay(payUrl, `${slug}@example.com`);
      return orderId;
    },
    visitor: () => createVisitor({ app: site }),
    async link(orderId) {
      await account.visitor().submit(`/orders/${orderId}/billing/ask`);
      return await account.lastLink(orderId);
    },
    async lastLink(orderId) {
      await messages.look();
      const found = mail.mails.findLast(({ text }) => text.includes(`${orderId}/billing/enter?token=`));
      return new RegExp(`${publicUrl}(/orders/\\S+)`).exec(found?.text ?? "")?.[1] ?? "";
    },
    async enter(orderId) {
      const visitor = account.visitor();
      const page = await visitor.open(await account.link(orderId));
      const token = /name="token" value="([^"]+)"/.exec(page.html)?.[1] ?? "";
      await visitor.submit(`/orders/${orderId}/billing/enter`, { token });
      await visitor.open(`/orders/${orderId}/billing`);
      return visitor;
    },
    async close() {
      await messages.stop();
      await mail.close();
      await side.close();
    },
  };
  return account;
}
