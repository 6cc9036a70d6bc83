/** The payment page of a simulated billing service: one plain form, complete without JavaScript. */
import { html } from "hono/html";

export type PaymentPage = {
  /** Whose page it is, e.g. Stripe. */
  service: string;
  action: string;
  cancelUrl: string | undefined;
  lines: { name: string; amount: string }[];
  email: string;
  error: string | undefined;
  trialDays: number;
};

export function renderPaymentPage(page: PaymentPage) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Pay (simulated ${page.service})</title>
        <style>
          body {
            font:
              1rem/1.5 system-ui,
              sans-serif;
            max-width: 26rem;
            margin: 0 auto;
            padding: 1.5rem 1rem;
            color: #1a1f36;
          }
          label {
            display: block;
            margin: 0.8rem 0 0.2rem;
            font-weight: 600;
          }
          input {
            font: inherit;
            width: 100%;
            padding: 0.6rem;
            border: 1px solid #c1c9d2;
            border-radius: 0.4rem;
            box-sizing: border-box;
          }
          button {
            font: inherit;
            font-weight: 600;
            width: 100%;
            margin-top: 1.2rem;
            padding: 0.8rem;
            border: 0;
            border-radius: 0.4rem;
            background: #635bff;
            color: #fff;
          }
          .pair {
            display: flex;
            gap: 0.8rem;
          }
          .pair > * {
            flex: 1;
          }
          .error {
            color: #b3261e;
            font-weight: 600;
          }
          .note {
            color: #697386;
            font-size: 0.9rem;
          }
        </style>
      </head>
      <body>
        <h1>Simulated ${page.service}</h1>
        <p class="note">
          Test card 4242 4242 4242 4242 pays; 4000 0000 0000 0002 is declined. No money moves.
        </p>
        <ul>
          ${page.lines.map((line) => html`<li>${line.name}: <strong>${line.amount}</strong></li>`)}
        </ul>
        ${page.trialDays > 0 ? html`<p>The first ${page.trialDays} days are free.</p>` : ""}
        ${page.error === undefined ? "" : html`<p class="error" role="alert" id="error">${page.error}</p>`}
        <form method="post" action="${page.action}">
          <label for="email">E-mail</label>
          <input id="email" name="email" type="email" required value="${page.email}" autocomplete="email" />
          <label for="name">Name on the card</label>
          <input id="name" name="name" required autocomplete="cc-name" />
          <label for="card">Card number</label>
          <input id="card" name="card" required inputmode="numeric" autocomplete="cc-number" />
          <div class="pair">
            <div>
              <label for="expiry">Expiry</label>
              <input id="expiry" name="expiry" required placeholder="12 / 34" autocomplete="cc-exp" />
            </div>
            <div>
              <label for="cvc">CVC</label>
              <input id="cvc" name="cvc" required inputmode="numeric" autocomplete="cc-csc" />
            </div>
          </div>
          <button type="submit">Pay</button>
        </form>
        ${page.cancelUrl === undefined ? "" : html`<p><a href="${page.cancelUrl}">Back without paying</a></p>`}
      </body>
    </html>`;
}
