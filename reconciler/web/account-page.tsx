/** A customer's subscription: what it is, until when, and what they may do about it. */
import type { Invoice } from "../billing/desk.ts";
import { mostSeats } from "../billing/seats.ts";
import { describeAmount } from "../money/amounts.ts";
import { Address, Offers, Quantity, Verb, type Entry } from "./account-forms.tsx";
import type { AccountView } from "./account-view.ts";
import { Layout } from "./layout.tsx";

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

/** Whether this browser may act: `shut` until it has come by a link from a mail. */
export type Standing = { kind: "shut" } | { kind: "open"; entry: Entry };

export type AccountPageProps = {
  account: AccountView;
  standing: Standing;
  problem?: string | undefined;
  /** A link is on its way. */
  asked?: boolean;
};

export function AccountPage({ account, standing, problem, asked = false }: AccountPageProps) {
  const { orderId, seats } = account;
  const base = `/orders/${orderId}/billing`;
  const acts = Object.values(account.may).some(Boolean);
  return (
    <Layout title="Your subscription">
      <h1>Your subscription</h1>
      {problem === undefined ? null : (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
      {asked ? (
        <p id="asked" role="status">
          A link is on its way to the e-mail address of your subscription. It works once, for half an hour. If
          it does not come, look among unwanted mail, or ask again in some minutes.
        </p>
      ) : null}
      <p class="lead" id="state" data-state={account.state}>
        {headlines[account.state](account.until === null ? undefined : toDay(account.until))}
      </p>
      <Warnings account={account} />
      <dl>
        <dt>{seats.length > 1 ? `${seats.length} assistants` : "Assistant"}</dt>
        <dd id="assistants">
          <a href={`/orders/${orderId}`}>{account.name}</a>
          {seats.slice(1).map((name) => `, ${name}`)}
        </dd>
        <dt>Plan</dt>
        <dd id="plan">{account.planName}</dd>
      </dl>
      {standing.kind === "open" ? <Actions account={account} base={base} entry={standing.entry} /> : null}
      {standing.kind === "shut" && acts ? <AskForLink base={base} /> : null}
      <Invoices base={base} invoices={account.invoices} linked={standing.kind === "open"} />
      {standing.kind === "open" && standing.entry !== undefined ? (
        <Verb action={`${base}/leave`} text="Lock this page again" entry={standing.entry} quiet />
      ) : null}
    </Layout>
  );
}

function Warnings({ account }: { account: AccountView }) {
  return (
    <>
      {account.paidTwice ? (
        <p class="error" id="paid-twice">
          You are charged twice for this one assistant, by two subscriptions. We have been told and put it
          right; you need not do anything.
        </p>
      ) : null}
      {account.quantity > mostSeats ? (
        <p class="error" id="too-many">
          Your subscription pays for {account.quantity} assistants, and one subscription has {mostSeats} at
          most. We have been told and write to you.
        </p>
      ) : null}
    </>
  );
}

/** What each does, it does to every assistant of the subscription: which those are is said beside it. */
function Actions({ account, base, entry }: { account: AccountView; base: string; entry: Entry }) {
  const { may, offers, seats } = account;
  const all = seats.length > 1 ? `This is for all of them: ${seats.join(", ")}.` : null;
  return (
    <>
      {may.change ? (
        <Offers
          title="Change the plan"
          action={`${base}/change`}
          method="get"
          offers={offers}
          button="See what it costs"
          entry={entry}
          note={all}
        />
      ) : null}
      {may.quantity ? <Quantity action={`${base}/change`} quantity={account.quantity} /> : null}
      {may.address && account.zone !== null ? (
        <Address action={`${base}/address`} name={account.name} zone={account.zone} entry={entry} />
      ) : null}
      {may.comeBack ? (
        <Offers
          title="Come back"
          action={`${base}/return`}
          method="post"
          offers={offers}
          button="Continue to payment"
          entry={entry}
          note={all}
        />
      ) : null}
      {may.keep ? (
        <Verb
          action={`${base}/keep`}
          text="Take the cancellation back"
          entry={entry}
          note={all ?? undefined}
        />
      ) : null}
      {may.portal ? (
        <Verb action={`${base}/portal`} text="Way of paying, billing address, invoices" entry={entry} quiet />
      ) : null}
      {may.cancel ? (
        <Verb
          action={`${base}/cancel`}
          text={
            seats.length > 1
              ? `Cancel all ${seats.length} at the end of the period`
              : "Cancel at the end of the period"
          }
          entry={entry}
          note={all ?? undefined}
          quiet
        />
      ) : null}
    </>
  );
}

function AskForLink({ base }: { base: string }) {
  return (
    <section>
      <h2>Change something</h2>
      <Verb
        action={`${base}/ask`}
        text="Send me a link"
        note="To change the plan, cancel, come back or open an invoice, you need a link that we send to the e-mail address of your subscription."
      />
    </section>
  );
}

type InvoicesProps = { base: string; invoices: readonly Invoice[] | undefined; linked: boolean };

function Invoices({ base, invoices, linked }: InvoicesProps) {
  if (invoices === undefined) return <p class="muted">Your invoices cannot be shown right now.</p>;
  if (invoices.length === 0) return null;
  return (
    <section>
      <h2>Invoices</h2>
      <ul id="invoices">
        {invoices.map(({ id, at, amount, currency, state }) => (
          <li>
            {linked ? <a href={`${base}/invoices/${id}`}>{toDay(at)}</a> : toDay(at)}:{" "}
            {describeAmount(amount, currency)}
            {state === "paid" ? "" : `, ${state}`}
          </li>
        ))}
      </ul>
    </section>
  );
}

function toDay(date: Date): string {
  return new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" }).format(date);
}
