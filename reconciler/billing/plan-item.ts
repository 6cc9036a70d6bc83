/** Which item of a subscription pays for assistants: a seller may put add-ons beside it, in any order. Pure. */

/** By what a plan calls its price at this provider. */
export type IsPlanPrice = (priceKey: string) => boolean;

/** Where no plan has any of the prices, the first item counts. */
export function findPlanItem<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  isPlanPrice: IsPlanPrice = () => false,
): Item | undefined {
  return items.find((item) => isPlanPrice(keyOf(item))) ?? items[0];
}
