/** Proves who has which further assistant after coming back. Which rows are looked at together is proved on real rows. */
import { expect, test } from "vitest";
import type { SubscriptionRow } from "../../reconciler/db/subscriptions.ts";
import { createOwnership, settleNames } from "../../reconciler/desired/claims.ts";
import { generatedName } from "../../reconciler/desired/desire.ts";

const at = (day: number) => new Date(Date.UTC(2026, 0, day));

function seat(id: string, change: Partial<SubscriptionRow> = {}): SubscriptionRow {
  return {
    provider: "stripe",
    id,
    customerId: "cus_1",
    email: null,
    slug: null,
    orderId: null,
    priceKeys: ["starter"],
    status: "active",
    statusSince: at(1),
    createdAt: at(1),
    periodEnd: null,
    cancelAt: null,
    endedAt: null,
    readAt: at(1),
    ...change,
  };
}
const ended = { status: "canceled", endedAt: at(10) };
const instance = (slug: string, subscriptionId: string, customerId = "cus_1") => {
  return { id: slug, slug, provider: "stripe", subscriptionId, customerId };
};
const ownership = createOwnership([instance("two", "sub_a#2"), instance("three", "sub_a#3")]);
const namesOf = (subscriptions: SubscriptionRow[]) =>
  [...settleNames(subscriptions, ownership)].flatMap(([slug, mine]) => mine.map(({ id }) => `${id} ${slug}`));

test("further seats of a new subscription are those that the ended one left, in their order", () => {
  const left = [seat("sub_a#2", ended), seat("sub_a#3", ended)];
  const again = [seat("sub_b#2", { createdAt: at(20) }), seat("sub_b#3", { createdAt: at(20) })];
  expect(namesOf([...again, ...left])).toEqual([
    "sub_a#2 two",
    "sub_b#2 two",
    "sub_a#3 three",
    "sub_b#3 three",
  ]);
  const more = seat("sub_b#4", { createdAt: at(20) });
  expect(namesOf([...again, more, ...left])).toContain(`sub_b#4 ${generatedName("sub_b#4")}`);
});

test("nobody else's, and none that is paid for still", () => {
  const stranger = seat("sub_c#2", { createdAt: at(20), customerId: "cus_2" });
  expect(namesOf([seat("sub_a#2", ended), stranger])).toContain(`sub_c#2 ${generatedName("sub_c#2")}`);
  const beside = seat("sub_b#2", { createdAt: at(20) });
  expect(namesOf([seat("sub_a#2"), beside])).toContain(`sub_b#2 ${generatedName("sub_b#2")}`);
});

test("a name that is somebody's address is theirs, and who pays for it gets another one", () => {
  const paid = seat("sub_9", { slug: "zoe" });
  const named = settleNames([paid], createOwnership([]), new Set(["zoe"]));
  expect([...named.keys()]).toEqual([generatedName("sub_9")]);
  expect([...settleNames([paid], createOwnership([])).keys()]).toEqual(["zoe"]);
});
