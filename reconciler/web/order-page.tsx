/** Where an order stands: live while it is being built, then the address and, once, the token. */
import type { OrderView, ProgressStep } from "./order-view.ts";
import { Layout } from "./layout.tsx";

const headlines: Record<OrderView["state"], string> = {
  unpaid: "Waiting for your payment",
  expired: "This order has expired",
  building: "Your assistant is being built",
  waiting: "One moment, we go on by ourselves",
  failed: "Something went wrong on our side",
  ready: "Your assistant is ready",
  ended: "This assistant has been switched off",
};

export function OrderPage({ order }: { order: OrderView }) {
  const live = order.state === "unpaid" || order.state === "building" || order.state === "waiting";
  return (
    <Layout title={headlines[order.state]} {...(live ? { script: "/assets/progress.js" } : {})}>
      <h1 id="headline">{headlines[order.state]}</h1>
      <p class="lead" id="detail">
        {order.detail}
      </p>
      <dl>
        <dt>Address</dt>
        <dd>{order.state === "ready" ? <a href={order.url}>{order.url}</a> : order.url}</dd>
        <dt>Plan</dt>
        <dd>{order.planName}</dd>
      </dl>
      <ol id="steps" class="steps" data-events={`/orders/${order.id}/events`}>
        {order.steps.map((step) => (
          <Step step={step} />
        ))}
      </ol>
      {order.state === "ready" ? <WayIn order={order} /> : null}
      {order.state === "ready" ? <Credentials order={order} /> : null}
      {order.state === "unpaid" && order.payUrl !== undefined ? (
        <p>
          <a class="button" href={order.payUrl}>
            Go to payment
          </a>
        </p>
      ) : null}
      {order.state === "unpaid" ? (
        <form method="post" action={`/orders/${order.id}/cancel`}>
          <button class="quiet" type="submit">
            Give up this order and its name
          </button>
        </form>
      ) : null}
      {order.state === "unpaid" || order.state === "expired" ? null : (
        <p>
          <a href={`/orders/${order.id}/billing`}>Subscription, plan and invoices</a>
        </p>
      )}
      {order.state === "expired" ? (
        <p>
          <a class="button" href="/">
            Start again
          </a>
        </p>
      ) : null}
      {live ? (
        <noscript>
          <p>
            <a href={`/orders/${order.id}`}>Reload this page</a> to see how far it is.
          </p>
        </noscript>
      ) : null}
    </Layout>
  );
}

const marks: Record<ProgressStep["state"], string> = { waiting: "○", running: "◐", done: "●", failed: "✕" };

function Step({ step }: { step: ProgressStep }) {
  return (
    <li data-step={step.id} data-state={step.state}>
      <span class="mark" aria-hidden="true">
        {marks[step.state]}
      </span>{" "}
      {step.title}
      <span class="sr-only">: {step.state}</span>
    </li>
  );
}

function WayIn({ order }: { order: OrderView }) {
  return (
    <form method="post" action={`/orders/${order.id}/open`}>
      <p>
        Opening it signs this browser in; that takes some seconds. Keep the address of this page to yourself.
      </p>
      <button type="submit">Open my assistant</button>
    </form>
  );
}

function Credentials({ order }: { order: OrderView }) {
  if (order.credentialsShown) {
    return <p class="muted">The token of this assistant has been shown once and is not shown again.</p>;
  }
  return (
    <form method="post" action={`/orders/${order.id}/credentials`}>
      <p>For programs there is an access token. It is shown once; have a place ready where you keep it.</p>
      <button class="quiet" type="submit">
        Show my token
      </button>
    </form>
  );
}

export function CredentialsPage({ url, token }: { url: string; token: string }) {
  return (
    <Layout title="Your token">
      <h1>Your assistant's token</h1>
      <p class="lead">Keep it now: this page shows it once.</p>
      <dl>
        <dt>Address</dt>
        <dd>
          <a href={url}>{url}</a>
        </dd>
        <dt>Token</dt>
        <dd>
          <code id="token" class="token">
            {token}
          </code>
        </dd>
      </dl>
    </Layout>
  );
}

/** A link and no redirect: a form may lead only to where the content policy says, and every customer has a name of their own. */
export function WayInPage({ link }: { link: string }) {
  return (
    <Layout title="Your assistant">
      <h1>Your assistant is open</h1>
      <p class="lead">This way in works once, within ten minutes.</p>
      <p>
        <a class="button" href={link}>
          Go to my assistant
        </a>
      </p>
    </Layout>
  );
}
