/** Amounts as people read them. Pure. */
import type { Amounts } from "./reckon.ts";

/** `amount` in the currency's smallest unit, of which some have a hundred, some a thousand and some none: "€29.00", "¥2,900". */
export function describeAmount(amount: number, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency: currency.toUpperCase() });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

/** null: nobody knows, because currencies differ. */
export function describeAmounts(amounts: Amounts | null): string {
  if (amounts === null) return "?";
  const parts = Object.entries(amounts).map(([currency, amount]) => describeAmount(amount, currency));
  return parts.join(" + ") || "0";
}
