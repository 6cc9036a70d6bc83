/** Amounts as people read them. Pure. */

/** By currency, each in its smallest unit. */
export type Amounts = Record<string, number>;

/** `amount` in the currency's smallest unit, of which some have a hundred, some a thousand and some none: "€29.00", "¥2,900". */
export function describeAmount(amount: number, currency: string): string {
  return formatOf(currency).format(amount / 10 ** digitsOf(currency));
}

/** Of the currency's smallest unit, behind the point. */
export function digitsOf(currency: string): number {
  return formatOf(currency).resolvedOptions().maximumFractionDigits ?? 2;
}

function formatOf(currency: string): Intl.NumberFormat {
  return new Intl.NumberFormat("en", { style: "currency", currency: currency.toUpperCase() });
}

/** "$58.00 - €9.00": what is in different currencies stays apart. */
export function describeAmounts(amounts: Amounts): string {
  const parts = Object.entries(amounts).map(([currency, amount], index) => {
    if (index === 0) return describeAmount(amount, currency);
    return `${amount < 0 ? "-" : "+"} ${describeAmount(Math.abs(amount), currency)}`;
  });
  return parts.join(" ") || "0";
}
