/** The way in from a mail. */
import { Layout } from "./layout.tsx";

/** A button: programs that look into mails follow links, and would use this one up. */
export function EntryPage({ orderId, token }: { orderId: string; token: string }) {
  return (
    <Layout title="Your subscription">
      <h1>Your subscription</h1>
      <p class="lead">For an hour, this browser may change your subscription.</p>
      <form method="post" action={`/orders/${orderId}/billing/enter`}>
        <input type="hidden" name="token" value={token} />
        <button type="submit">Go on</button>
      </form>
    </Layout>
  );
}

/** Asks for the same page again, this time from here. */
export function BouncePage() {
  return (
    <Layout title="One moment" refresh>
      <h1>One moment</h1>
      <p>
        <a href="">Go on</a>
      </p>
    </Layout>
  );
}
