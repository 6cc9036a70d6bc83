/** Proves which prices a plan in `plans.yaml` may have, and that a mistake is told with file, line, key and what is allowed. */
import { describe, expect, it } from "vitest";
import { parsePlans, StackFileError } from "../../infra/stack-file.ts";

/** The problems as an operator reads them. */
function told(text: string): string[] {
  try {
    parsePlans(text, "plans.yaml");
  } catch (error) {
    if (error instanceof StackFileError) return error.message.split("\n");
    throw error;
  }
  return [];
}

describe("plans and their prices", () => {
  const price = "pri_01gsz8x8sawmvhz1pv30nge1ke";
  const planOf = (id: string, ...lines: string[]) =>
    [
      `${id}:`,
      "  name: A",
      "  summary: B",
      "  serverTypes: [cx23]",
      "  locations: [nbg1]",
      ...lines,
      "",
    ].join("\n");

  it.each<[string, string[]]>([
    ["Stripe alone", ["  stripeLookupKey: a"]],
    ["Paddle alone", [`  paddlePriceId: ${price}`]],
    ["both", ["  stripeLookupKey: a", `  paddlePriceId: ${price}`]],
    ["Paddle, once", [`  paddlePriceId: ${price}`, "  oneTime: true"]],
    ["Paddle, once and with an end", [`  paddlePriceId: ${price}`, "  oneTime: true", "  fairUseDays: 1825"]],
  ])("may be sold by %s", (_what, lines) => {
    expect(told(planOf("one", ...lines))).toEqual([]);
  });

  it.each<[string, string, RegExp[]]>([
    ["without a price", planOf("one"), [/:1: one\.stripeLookupKey: missing: this or paddlePriceId/]],
    [
      "with a product instead of a price",
      planOf("one", "  paddlePriceId: pro_01gsz8x8sawmvhz1pv30nge1ke"),
      [/:6: one\.paddlePriceId: a Paddle price id such as/],
    ],
    [
      "paid once at Stripe",
      planOf("one", "  stripeLookupKey: a", "  oneTime: true"),
      [/:6: one\.stripeLookupKey: not with oneTime/, /:7: one\.oneTime: needs paddlePriceId/],
    ],
    [
      "with fair use of a subscription",
      planOf("one", "  stripeLookupKey: a", "  fairUseDays: 30"),
      [/:7: one\.fairUseDays: only with oneTime/],
    ],
    [
      "with fair use of half a day",
      planOf("one", `  paddlePriceId: ${price}`, "  oneTime: true", "  fairUseDays: 0.5"),
      [/:8: one\.fairUseDays: /],
    ],
    [
      "paid once with a trial",
      planOf("one", `  paddlePriceId: ${price}`, "  oneTime: true", "  trialDays: 7"),
      [/:8: one\.trialDays: not with oneTime/],
    ],
    [
      "of one price twice",
      planOf("one", `  paddlePriceId: ${price}`) + planOf("two", `  paddlePriceId: ${price}`),
      [/:12: two\.paddlePriceId: the plan one has this price/],
    ],
    [
      "of one lookup key twice",
      planOf("one", "  stripeLookupKey: a") + planOf("two", "  stripeLookupKey: a"),
      [/:12: two\.stripeLookupKey: the plan one has this price/],
    ],
  ])("are refused %s, with file, line and key", (_what, text, expected) => {
    const problems = told(text);
    expect(problems).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(problems[index]).toMatch(pattern);
  });
});
