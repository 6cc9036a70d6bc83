/** Proves who has which further assistant after coming back. Which rows are looked at together is proved on real rows. */
import { describe, expect, test } from "vitest";
import type { SubscriptionRow } from "../../reconciler/db/subscriptions.ts";
import { createOwnership, mayClaim, settleNames } from "../../reconciler/desired/claims.ts";
import { earlierName, generatedNames } from "../../reconciler/desired/names.ts";

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
const generatedName = (id: string) => generatedNames(id)[0];
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

describe("two subscriptions with the same short name of earlier versions", () => {
  const [first, second] = ["sub_1Qxmhx", "sub_1Q188kx"];
  const short = earlierName(first);
  const [name = "", longer = ""] = generatedNames(second);
  const hers = (id: string, change: Partial<SubscriptionRow> = {}) =>
    seat(id, { customerId: "cus_2", createdAt: at(2), ...change });
  const cases = [
    { what: "new ones have names of their own", living: [], given: [], expected: name },
    { what: "who lives under it keeps it", living: [instance(short, first)], given: [], expected: name },
    { what: "and so does the other", living: [instance(short, second, "cus_2")], given: [], expected: short },
    {
      what: "of another subscription of hers that pays by now",
      living: [instance(short, "sub_b#2", "cus_2")],
      given: [],
      expected: short,
    },
    {
      what: "a generated name that is another customer's is lengthened",
      living: [instance(name, "sub_x", "cus_9")],
      given: [],
      expected: longer,
    },
    { what: "or another customer's address", living: [], given: [name], expected: longer },
    {
      what: "nobody shares when all are another's",
      living: [instance(name, "sub_x", "cus_9"), instance(longer, "sub_y", "cus_9")],
      given: [],
      expected: undefined,
    },
  ];
  test.each(cases)("$what", ({ living, given, expected }) => {
    const mine = createOwnership(living);
    const names = settleNames([seat(first), hers(second)], mine, new Set(given));
    const nameOf = (id: string) => [...names].find(([, all]) => all.some((one) => one.id === id))?.[0];
    expect(nameOf(second)).toBe(expected);
    expect(nameOf(first)).toBe(mine.paidBy(seat(first))?.slug ?? generatedName(first));
    for (const all of names.values()) expect(all).toHaveLength(1);
  });

  test("also for two of one customer, of which the first lives under it", () => {
    const names = settleNames([seat(first), seat(second)], createOwnership([instance(short, first)]));
    expect([...names.keys()]).toEqual([short, name]);
  });

  test("an ended one claims the instance under its short name that its customer has, and no stranger's", () => {
    const claims = (customerId: string) => {
      const owned = createOwnership([instance(short, "sub_b#2", customerId)]);
      return mayClaim(hers(second, ended), owned, false, new Map());
    };
    expect([claims("cus_2"), claims("cus_1")]).toEqual([true, false]);
  });
});
