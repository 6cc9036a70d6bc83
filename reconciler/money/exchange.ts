/** Rates that an operator set, and what is left by them. Pure. */
import { z } from "zod";
import { digitsOf, type Amounts } from "./amounts.ts";

/** By `usd:eur`: so many euros for a dollar. */
export type Rates = ReadonlyMap<string, number>;

const form = "pairs such as USD:EUR=0.92,GBP:EUR=1.15";
const pair = /^\s*([a-z]{3}):([a-z]{3})=(\d+(?:\.\d+)?)\s*$/i;

/** Beside the other variables of `serve`. */
export const exchangeVariables = {
  /** For the margin where revenue and cost are in different currencies. */
  CLAWFLEET_EXCHANGE_RATES: z
    .string()
    .default("")
    .refine((text) => text === "" || text.split(",").every((one) => Number(pair.exec(one)?.[3]) > 0), form)
    .transform(toRates),
};

function toRates(text: string): Rates {
  const pairs = text.split(",").flatMap((one) => {
    const [, from = "", into = "", rate = ""] = pair.exec(one) ?? [];
    return rate === "" ? [] : [[keyOf(from, into), Number(rate)] as const];
  });
  return new Map(pairs);
}

function keyOf(from: string, into: string): string {
  return `${from}:${into}`.toLowerCase();
}

/** In the currency `into` what can be; what has no rate stays in its own. */
export function toMargin(
  { revenue, cost }: { revenue: Amounts; cost: Amounts },
  into: string | undefined,
  rates: Rates,
): Amounts {
  const margin: Amounts = {};
  const sides = [
    ...Object.entries(revenue),
    ...Object.entries(cost).map(([currency, amount]) => [currency, -amount] as const),
  ];
  for (const [currency, amount] of sides) {
    const rate = into === undefined || currency === into ? undefined : rates.get(keyOf(currency, into));
    const [where, worth] =
      rate === undefined || into === undefined
        ? [currency, amount]
        : [into, amount * rate * 10 ** (digitsOf(into) - digitsOf(currency))];
    margin[where] = (margin[where] ?? 0) + worth;
  }
  return margin;
}

/** Those that would make one sum of a margin: `USD:EUR`. */
export function listMissingRates(margin: Amounts, into: string | undefined): string[] {
  if (into === undefined) return [];
  const others = Object.keys(margin).filter((currency) => currency !== into);
  return others.map((currency) => keyOf(currency, into).toUpperCase()).toSorted();
}
