/** A customer's subscription: what it is, until when, and what they may do about it. */
import type { ChangePreview, Invoice } from "../billing/desk.ts";
import type { AccountOffer, AccountView } from "./account-view.ts";
import { Layout } from "./layout.tsx";
import { describeAmount } from "../money/amounts.ts";

const headlines: Record<AccountView["state"], (until: string | undefined) => string> = {
  trial: (until) => `Your trial runs${until === undefined ? "" : ` until ${until}`}.`,
  paid: (until) =>
    `Your subscription is paid${until === undefined ? "" : ` until ${until}, and goes on then`}.`,
  late: () => "A payment is late. Your assistant goes on for now; please look at your way of paying.",
  stopped: () => "Your subscription is not paid, so your assistant is stopped. Your data is kept.",
  ending: (until) =>
    `Your subscription ends${until === undefined ? "" : ` on ${until}`}. Until then everything goes on.`,
  ended: (until) =>
    `Your subscription has ended.${until === undefined ? "" : ` Your data is kept until ${until}: come back before, and everything is as it was.`}`,
  gone: () => "Everything of this assistant has been deleted.",
  given: () => "This assistant is a gift: there is nothing to pay.",
};

export function AccountPage({ account, problem }: { account: AccountView; problem?: string | undefined }) {
  const { orderId, may, offers } = account;
  const base = `/orders/${orderId}/billing`;
  return (
    <Layout title="Your subscription">
      <h1>Your subscription</h1>
      {problem === undefined ? null : (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
      <p class="lead" id="state" data-state={account.state}>
        {headlines[account.state](account.until === null ? undefined : toDay(account.until))}
      </p>
      <dl>
        <dt>Assistant</dt>
        <dd>
          <a href={`/orders/${orderId}`}>{account.name}</a>
        </dd>
        <dt>Plan</dt>
        <dd id="plan">{account.planName}</dd>
      </dl>
      {may.change ? (
        <Offers
          title="Change the plan"
          action={`${base}/change`}
          method="get"
          offers={offers}
          button="See what it costs"
        />
      ) : null}
      {may.comeBack ? (
        <Offers
          title="Come back"
          action={`${base}/return`}
          method="post"
          offers={offers}
          button="Continue to payment"
        />
      ) : null}
      {may.keep ? <Verb action={`${base}/keep`} text="Take the cancellation back" /> : null}
      {may.portal ? <Verb action={`${base}/portal`} text="Way of paying, address, invoices" quiet /> : null}
      {may.cancel ? <Verb action={`${base}/cancel`} text="Cancel at the end of the period" quiet /> : null}
      <Invoices base={base} invoices={account.invoices} />
    </Layout>
  );
}

function Verb({ action, text, quiet = false }: { action: string; text: string; quiet?: boolean }) {
  return (
    <form method="post" action={action}>
      <button type="submit" {...(quiet ? { class: "quiet" } : {})}>
        {text}
      </button>
    </form>
  );
}

type OffersProps = {
  title: string;
  action: string;
  method: "get" | "post";
  offers: readonly AccountOffer[];
  button: string;
};

function Offers({ title, action, method, offers, button }: OffersProps) {
  return (
    <form method={method} action={action}>
      <fieldset>
        <legend>{title}</legend>
        {offers.map((offer, index) => (
          <label class="card">
            <input type="radio" name="plan" value={offer.id} checked={index === 0} required />
            <span>
              <strong>{offer.name}</strong>
              <span class="price">{offer.price ?? "price shown before you pay"}</span>
              <span class="muted">{offer.summary}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <button type="submit">{button}</button>
    </form>
  );
}

function Invoices({ base, invoices }: { base: string; invoices: readonly Invoice[] | undefined }) {
  if (invoices === undefined) return <p class="muted">Your invoices cannot be shown right now.</p>;
  if (invoices.length === 0) return null;
  return (
    <section>
      <h2>Invoices</h2>
      <ul id="invoices">
        {invoices.map(({ id, at, amount, currency, state }) => (
          <li>
            <a href={`${base}/invoices/${id}`}>{toDay(at)}</a>: {describeAmount(amount, currency)}
            {state === "paid" ? "" : `, ${state}`}
          </li>
        ))}
      </ul>
    </section>
  );
}

export type PreviewPageProps = {
  orderId: string;
  planId: string;
  preview: ChangePreview & { planName: string };
};

export function PreviewPage({ orderId, planId, preview }: PreviewPageProps) {
  const { dueNow, recurring, currency, planName, at } = preview;
  const base = `/orders/${orderId}/billing`;
  return (
    <Layout title="Change the plan">
      <h1>Change to {planName}</h1>
      <dl>
        <dt>{dueNow < 0 ? "Credit for your next invoice" : "Charged now"}</dt>
        <dd id="due-now">{describeAmount(Math.abs(dueNow), currency)}</dd>
        {recurring === null ? null : (
          <>
            <dt>Then each period</dt>
            <dd id="recurring">{describeAmount(recurring, currency)}</dd>
          </>
        )}
      </dl>
      <p class="muted">
        Your server is changed within the next minutes and is not reachable for some of them; where your files
        have to be copied to another disk, for longer. Your data stays.
      </p>
      <form method="post" action={`${base}/change`}>
        <input type="hidden" name="plan" value={planId} />
        <input type="hidden" name="at" value={at.toISOString()} />
        <button type="submit">Change now</button>
      </form>
      <p>
        <a href={base}>Leave it as it is</a>
      </p>
    </Layout>
  );
}

function toDay(date: Date): string {
  return new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" }).format(date);
}
