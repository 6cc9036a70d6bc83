/** Amounts as people read them. Pure. */

/** `amount` in the currency's smallest unit, of which some have a hundred, some a thousand and some none: "€29.00", "¥2,900". */
export function describeAmount(amount: number, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency: currency.toUpperCase() });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}
