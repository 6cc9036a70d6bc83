/** Amounts as people read them. Pure. */
import type { Amounts } from "./reckon.ts";

/** null: nobody knows, because currencies differ. */
export function describeAmounts(amounts: Amounts | null): string {
  if (amounts === null) return "?";
  const parts = Object.entries(amounts).map(([currency, amount]) => {
    const style = { style: "currency", currency: currency.toUpperCase() } as const;
    return new Intl.NumberFormat("en", style).format(amount / 100);
  });
  return parts.join(" + ") || "0";
}
