/** What may happen to a small fleet: the steps of a random history, and how fast-check makes them. */
import * as fc from "fast-check";

export const customers = ["amy", "bob", "cleo"] as const;
export type CustomerName = (typeof customers)[number];

export const livingStatuses = ["trialing", "active", "past_due", "unpaid", "paused"] as const;

export type Step =
  /** Buys a plan for their first or their second name, whether or not they have it already. */
  | { do: "subscribe"; customer: CustomerName; second: boolean; status: "active" | "trialing" | "incomplete" }
  /** Of one of the customer's subscriptions, if it has not ended; which one is counted from the newest. */
  | { do: "turn"; customer: CustomerName; nth: number; status: (typeof livingStatuses)[number] }
  | { do: "cancel"; customer: CustomerName; nth: number }
  /** Their webhook comes, so often, at both workers at once. Without this step it was lost. */
  | { do: "hint"; customer: CustomerName; times: number }
  | { do: "sweep"; by: 1 | 2 }
  /** The list fails, comes without anything in it, ends in the middle; or is whole, and says of everybody that they left long ago. */
  | { do: "bad-sweep"; how: "error" | "empty" | "half" | "lie" }
  | { do: "wait"; days: number }
  | { do: "workers"; up: boolean }
  | { do: "halt"; on: boolean };

export type History = { cap: number; steps: Step[] };

/** Mostly one of them, so that things happen to somebody to whom things have happened. */
const customer = fc.constantFrom("amy" as const, "amy" as const, "amy" as const, ...customers);
const nth = fc.constantFrom(0, 0, 0, 1, 2);

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("subscribe" as const),
      customer,
      second: fc.boolean(),
      status: fc.constantFrom(
        "active" as const,
        "active" as const,
        "trialing" as const,
        "incomplete" as const,
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("turn" as const),
      customer,
      nth,
      status: fc.constantFrom(...livingStatuses),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("cancel" as const), customer, nth }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("hint" as const),
      customer,
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("sweep" as const), by: fc.constantFrom(1 as const, 2 as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("bad-sweep" as const),
      how: fc.constantFrom("error" as const, "empty" as const, "half" as const, "lie" as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      days: fc.constantFrom(1, 3, 8, 8, 12, 25, 400),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("workers" as const), up: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("halt" as const), on: fc.boolean() }) },
);

const sweepOnce: Step = { do: "sweep", by: 1 };
const begins: Step[] = [{ do: "subscribe", customer: "amy", second: false, status: "active" }, sweepOnce];
const leaves: Step[] = [
  { do: "cancel", customer: "amy", nth: 0 },
  { do: "wait", days: 8 },
  sweepOnce,
  sweepOnce,
];

const late: Step[] = [{ do: "turn", customer: "amy", nth: 0, status: "past_due" }, sweepOnce];
const paysUnread: Step[] = [
  { do: "turn", customer: "amy", nth: 0, status: "active" },
  { do: "wait", days: 8 },
  { do: "bad-sweep", how: "error" },
];

/** Where a history begins: chance alone leads to few archives in a dozen steps. */
const prefix = fc.constantFrom<Step[]>(
  begins,
  [...begins, ...leaves],
  [...begins, ...leaves, ...begins],
  [...begins, ...late],
  [...begins, ...late, ...paysUnread],
  [{ do: "workers", up: false }, ...begins, { do: "wait", days: 3 }],
);

export const histories: fc.Arbitrary<History> = fc
  .tuple(fc.constantFrom(1, 2, 10), prefix, fc.array(step, { minLength: 2, maxLength: 12 }))
  .map(([cap, first, more]) => ({ cap, steps: [...first, ...more] }));
