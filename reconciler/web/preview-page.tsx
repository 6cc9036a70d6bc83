/** What a change costs and whom it is about, before it is agreed to. */
import type { AccountWish, AgreedChange } from "../account/account.ts";
import { describeAmount } from "../money/amounts.ts";
import { Csrf, type Entry } from "./account-forms.tsx";
import { Layout } from "./layout.tsx";

export type PreviewPageProps = { orderId: string; wish: AccountWish; change: AgreedChange; entry: Entry };

export function PreviewPage({ orderId, wish, change, entry }: PreviewPageProps) {
  const { dueNow, recurring, currency, title, names, ends, at } = change;
  const base = `/orders/${orderId}/billing`;
  return (
    <Layout title="What it costs">
      <h1>Change to {title}</h1>
      <dl>
        <dt>{dueNow < 0 ? "Credit for your next invoice" : "Charged now"}</dt>
        <dd id="due-now">{describeAmount(Math.abs(dueNow), currency)}</dd>
        {recurring === null ? null : (
          <>
            <dt>Then each period{recurring.net ? ", before tax and discounts" : ""}</dt>
            <dd id="recurring">{describeAmount(recurring.amount, currency)}</dd>
          </>
        )}
      </dl>
      {"plan" in wish ? <PlanNote names={names} /> : null}
      {ends.length === 0 ? null : (
        <p class="error" id="ends">
          {ends.length === 1 ? "This assistant is stopped at once" : "These assistants are stopped at once"},
          and deleted with all data after the time of your plan: {ends.join(", ")}.
        </p>
      )}
      <form method="post" action={`${base}/change`}>
        <Csrf entry={entry} />
        {Object.entries(wish).map(([name, value]) => (
          <input type="hidden" name={name} value={String(value)} />
        ))}
        <input type="hidden" name="at" value={at.toISOString()} />
        <button type="submit">Change now</button>
      </form>
      <p>
        <a href={base}>Leave it as it is</a>
      </p>
    </Layout>
  );
}

function PlanNote({ names }: { names: readonly string[] }) {
  if (names.length > 1)
    return (
      <p class="muted" id="names">
        All of your assistants change: {names.join(", ")}. Their servers are changed within a few minutes and
        are not reachable for some of them. Your data stays.
      </p>
    );
  return (
    <p class="muted">
      Your server is changed within the next minutes and is not reachable for some of them; where your files
      have to be copied to another disk, for longer. Your data stays.
    </p>
  );
}
