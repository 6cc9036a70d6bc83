/**
 * Proves which webhooks are believed and what hint each becomes, snapshot and thin, with signatures that the official SDK
 * made. Cannot prove that Stripe signs so; nor that a hint is acted upon.
 */
import Stripe from "stripe";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import { ClawfleetError } from "../../reconciler/errors.ts";

const now = new Date("2026-11-20T12:00:00Z");
const sdk = new Stripe("sk_test_1");

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now });
});

afterEach(() => {
  vi.useRealTimers();
});

function make(webhookSecrets: readonly string[] = ["whsec_old", "whsec_new"]) {
  return createStripeBilling({ secretKey: "sk_test_1", webhookSecrets, apiUrl: "https://api.stripe.com" });
}

const snapshot = {
  id: "evt_1",
  object: "event",
  type: "customer.subscription.updated",
  livemode: false,
  data: { object: { id: "sub_1", object: "subscription", customer: "cus_1" } },
};
const thin = {
  id: "evt_2",
  object: "v2.core.event",
  type: "v1.customer.subscription.deleted",
  livemode: true,
  created: "2026-11-20T12:00:00.000Z",
  related_object: { id: "sub_1", type: "subscription", url: "/v1/subscriptions/sub_1" },
};

function sign(payload: string, options: { secret?: string; ageSeconds?: number } = {}): Headers {
  const timestamp = Math.floor(now.getTime() / 1000) - (options.ageSeconds ?? 0);
  const secret = options.secret ?? "whsec_new";
  return new Headers({
    "stripe-signature": sdk.webhooks.generateTestHeaderString({ payload, secret, timestamp }),
  });
}

async function hintOf(event: object) {
  const body = JSON.stringify(event);
  return await make().verifyWebhook(body, sign(body));
}

async function refusalOf(body: string, headers: Headers, billing = make()): Promise<ClawfleetError> {
  const error = await billing.verifyWebhook(body, headers).catch((thrown: unknown) => thrown);
  if (error instanceof ClawfleetError) return error;
  throw new Error(`it was not refused: ${JSON.stringify(error)}`);
}

describe("a snapshot event", () => {
  it("becomes a hint that names event, customer and object", async () => {
    expect(await hintOf(snapshot)).toEqual({
      eventId: "evt_1",
      type: "customer.subscription.updated",
      customerId: "cus_1",
      objectId: "sub_1",
      livemode: false,
      account: null,
    });
  });

  it.each<[string, object, object]>([
    [
      "about a customer is that customer's",
      { type: "customer.updated", data: { object: { id: "cus_7", object: "customer" } } },
      { customerId: "cus_7", objectId: "cus_7" },
    ],
    [
      "about an object of nobody has no customer",
      { data: { object: { id: "price_1", object: "price" } } },
      { customerId: null, objectId: "price_1" },
    ],
    [
      "with an expanded customer leaves it to be asked",
      { data: { object: { id: "in_1", object: "invoice", customer: { id: "cus_1" } } } },
      { customerId: null, objectId: "in_1" },
    ],
    ["without an object is still a hint", { data: { object: null } }, { customerId: null, objectId: null }],
    ["of another account says so", { account: "acct_9" }, { account: "acct_9" }],
    ["of the live mode says so", { livemode: true }, { livemode: true }],
    ["of an unknown type is a hint too", { type: "brand.new" }, { type: "brand.new", customerId: "cus_1" }],
  ])("%s", async (_what, change, expected) => {
    expect(await hintOf({ ...snapshot, ...change })).toMatchObject(expected);
  });
});

describe("a thin event", () => {
  it("becomes the same hint, whose customer is asked from its object", async () => {
    expect(await hintOf(thin)).toEqual({
      eventId: "evt_2",
      type: "customer.subscription.deleted",
      customerId: null,
      objectId: "sub_1",
      livemode: true,
      account: null,
    });
  });

  it("about a customer names them at once", async () => {
    const about = { ...thin, related_object: { id: "cus_7", type: "customer", url: "/v1/customers/cus_7" } };
    expect(await hintOf(about)).toMatchObject({ customerId: "cus_7", objectId: "cus_7" });
  });

  it.each([null, undefined])("about nothing (%j) is still a hint", async (related_object) => {
    expect(await hintOf({ ...thin, related_object })).toMatchObject({ customerId: null, objectId: null });
  });
});

describe.each([
  ["snapshot", JSON.stringify(snapshot)],
  ["thin", JSON.stringify(thin)],
])("the signature of a %s event", (_kind, body) => {
  it("may be that of any secret, while one is rotated", async () => {
    for (const secret of ["whsec_old", "whsec_new"]) {
      expect((await make().verifyWebhook(body, sign(body, { secret }))).eventId).toMatch(/^evt_/);
    }
  });

  it.each([0, 299, 300])("is good for five minutes: %i s", async (ageSeconds) => {
    expect((await make().verifyWebhook(body, sign(body, { ageSeconds }))).eventId).toMatch(/^evt_/);
  });

  it.each([301, 86_400])("is too old after %i s", async (ageSeconds) => {
    expect((await refusalOf(body, sign(body, { ageSeconds }))).message).toContain("tolerance");
  });

  it.each<[string, Headers]>([
    ["of another secret", sign(body, { secret: "whsec_stranger" })],
    ["of another body", sign(`${body} `)],
    ["that is empty", new Headers({ "stripe-signature": "" })],
    ["that is no signature", new Headers({ "stripe-signature": "t=1,v0=abc" })],
    ["that is missing", new Headers()],
  ])("%s is refused as the sender's fault, without a word of the body", async (_what, headers) => {
    const error = await refusalOf(body, headers);
    expect(error).toMatchObject({ code: "input_invalid", retry: { kind: "permanent" } });
    expect(error.message).toMatch(/^this webhook is not accepted: ./);
    expect(error.message).not.toContain("cus_1");
    expect(error.message).not.toContain("whsec");
  });

  it("is refused when no secret is configured", async () => {
    expect((await refusalOf(body, sign(body), make([]))).message).toBe(
      "this webhook is not accepted: no webhook secret is configured",
    );
  });
});

describe("a body that is no event", () => {
  it.each(["", "{", "null", "[]", '"text"', "{}"])(
    "is refused or an empty hint, and breaks nothing: %j",
    async (body) => {
      const error = await make()
        .verifyWebhook(body, sign(body))
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ClawfleetError);
    },
  );
});
