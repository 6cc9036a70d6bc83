/** Proves how amounts in a currency's smallest unit are written. What providers mean by it is theirs: Stripe's and Paddle's agree. */
import { expect, test } from "vitest";
import { describeAmount } from "../../reconciler/money/amounts.ts";

test.each([
  [2900, "eur", "€29.00"],
  [2900, "jpy", "¥2,900"],
  [2900, "kwd", "KWD 2.900"],
  [-150, "usd", "-$1.50"],
])("%d of %s is %s", (amount, currency, text) => {
  expect(describeAmount(amount, currency).replaceAll("\u00a0", " ")).toBe(text);
});
