/**
 * Proves by table what of a reading goes into rows, and what of it is nobody's. That PostgreSQL takes the rest is shown by
 * billing-safety in test/integration.
 */
import { expect, it } from "vitest";
import { toStorable } from "../../reconciler/billing/storable.ts";
import { createOrderId } from "../../reconciler/secrets.ts";

const reading = {
  id: "sub_1",
  customerId: "cus_1",
  email: "zoë@example.com",
  slug: "zoe",
  orderId: createOrderId(),
  priceKeys: ["starter"],
  status: "active",
  createdAt: new Date(0),
  periodEnd: null,
  cancelAt: null,
  endedAt: null,
};
const long = "x".repeat(3000);
const cut = "x".repeat(255);

it("leaves what is usual as it is", () => {
  expect(toStorable(reading)).toEqual(reading);
});

it.each([
  ["a name that no address can have", { slug: "Zoe & co" }, { slug: null }],
  ["a name of many characters", { slug: long }, { slug: null }],
  ["a name with a character of code zero", { slug: "a\u0000b" }, { slug: null }],
  ["a name with half of a pair", { slug: "a\ud800b" }, { slug: null }],
  ["a name with an end of line behind it", { slug: "zoe\n" }, { slug: null }],
  ["an order that is none of ours", { orderId: "7" }, { orderId: null }],
  ["an order of many characters", { orderId: long }, { orderId: null }],
  ["an order with a character of code zero", { orderId: `${reading.orderId}\u0000` }, { orderId: null }],
  ["an address with an end of line in it", { email: "zoe@example.com\nbcc: all" }, { email: null }],
  ["an address with half of a pair", { email: "\udfff@example.com" }, { email: null }],
  ["an address of many characters", { email: `${long}@example.com` }, { email: null }],
  [
    "ids and keys of many characters",
    { customerId: long, priceKeys: [long] },
    { customerId: cut, priceKeys: [cut] },
  ],
  ["a status that nobody can store", { status: "act\u0000ive\ud800" }, { status: "active\ufffd" }],
  ["an id that nobody can store", { id: "sub\u0000_1" }, { id: "sub_1" }],
])("takes %s for what it can be", (_what, change, expected) => {
  expect(toStorable({ ...reading, ...change })).toEqual({ ...reading, ...expected });
});
