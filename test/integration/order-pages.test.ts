/**
 * Proves the customer's pages over HTTP with the order rules replaced by data: forms, refusals, live events, the
 * token shown once, headers. It cannot prove the rules themselves: order-rules.test.ts does that on PostgreSQL.
 */
import { pino } from "pino";
import { beforeEach, describe, expect, it } from "vitest";
import { ClawfleetError } from "../../reconciler/errors.ts";
import { createOrderRoutes, type OrderDeps } from "../../reconciler/routes/orders.tsx";
import type { OrderView } from "../../reconciler/web/order-view.ts";

const orderId = "order_0123456789abcdefghij";
const building: OrderView = {
  id: orderId,
  state: "building",
  detail: "This takes a few minutes.",
  url: "https://bob.example.com",
  planName: "Starter",
  payUrl: undefined,
  credentialsShown: false,
  steps: [
    { id: "paid", title: "Payment received", state: "done" },
    { id: "server", title: "Server ordered", state: "running" },
  ],
};

let deps: OrderDeps;
let views: OrderView[];
beforeEach(() => {
  views = [building];
  let shown = false;
  deps = {
    zone: async () => "example.com",
    log: pino({ level: "silent" }),
    readOffers: async () => [
      { id: "starter", name: "Starter", summary: "A small one", price: "€ 29.00 a month", trialDays: 7 },
      { id: "pro", name: "Pro", summary: "A large one", price: undefined, trialDays: 0 },
    ],
    placeOrder: async ({ slug }) => ({ orderId, payUrl: `https://pay.example/${slug}` }),
    cancelOrder: async () => {},
    readOrder: async (id) => (id === orderId ? (views.length > 1 ? views.shift() : views[0]) : undefined),
    findReturn: async (token) => (token === "back_0123456789abcdefghij" ? orderId : undefined),
    revealCredentials: async () => {
      if (shown) return undefined;
      shown = true;
      return { url: "https://bob.example.com", token: "secret-token" };
    },
    openAssistant: async () => "https://bob.example.com/#bootstrapToken=once",
    waitForChange: async () => {},
  };
});

function post(path: string, form: Record<string, string>) {
  return createOrderRoutes(deps).request(path, { method: "POST", body: new URLSearchParams(form) });
}

describe("sign-up page", () => {
  it("offers every plan, with its price when billing could be asked", async () => {
    const page = await (await createOrderRoutes(deps).request("/")).text();
    expect(page).toContain("€ 29.00 a month");
    expect(page).toContain("The first 7 days are free");
    expect(page).toContain("price shown at checkout");
    expect(page).toContain(".example.com");
  });

  it("leads an accepted order to the payment page", async () => {
    const answer = await post("/orders", { plan: "starter", slug: " Bob " });
    expect(answer.status).toBe(303);
    expect(answer.headers.get("location")).toBe("https://pay.example/bob");
  });

  it.each([
    ["slug_taken", 409, 'The name "bob" is taken', 'id="slug-error"'],
    ["input_invalid", 400, "reserved", 'id="slug-error"'],
    ["billing_unavailable", 503, "Nothing was charged", 'id="form-error"'],
  ] as const)("shows %s beside the form and keeps what was typed", async (code, status, text, place) => {
    deps.placeOrder = async () => {
      throw new ClawfleetError({ code, message: text, retry: { kind: "permanent" } });
    };
    const answer = await post("/orders", { plan: "pro", slug: "bob" });
    const page = await answer.text();
    expect(answer.status).toBe(status);
    expect(page).toContain(text.replaceAll('"', "&quot;"));
    expect(page).toContain(place);
    expect(page).toContain('value="bob"');
    expect(page).toMatch(/value="pro"[^>]*checked/);
  });

  it("asks for what is missing from a form without a plan", async () => {
    const answer = await post("/orders", { slug: "bob" });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("Choose a plan and a name");
  });

  it("escapes what a customer typed", async () => {
    deps.placeOrder = async () => {
      throw new ClawfleetError({
        code: "slug_taken",
        message: "<script>x</script>",
        retry: { kind: "permanent" },
      });
    };
    const page = await (await post("/orders", { plan: "pro", slug: '"><script>alert(1)</script>' })).text();
    expect(page).not.toContain("<script>");
  });
});

it("sells nothing while no cell takes new instances, and charges nobody", async () => {
  deps.zone = async () => undefined;
  const page = await createOrderRoutes(deps).request("/");
  expect(await page.text()).toContain("No new assistants right now");
  expect((await post("/orders", { plan: "starter", slug: "bob" })).status).toBe(503);
});

describe("order page", () => {
  it("shows every step and can be followed live", async () => {
    const page = await (await createOrderRoutes(deps).request(`/orders/${orderId}`)).text();
    expect(page).toContain('data-step="server" data-state="running"');
    expect(page).toContain("/assets/progress.js");
    expect(page).toContain("<noscript>");
  });

  it("is found by the way back from a payment page, and by no other", async () => {
    const answer = await createOrderRoutes(deps).request("/back/back_0123456789abcdefghij");
    expect([answer.status, answer.headers.get("location")]).toEqual([303, `/orders/${orderId}`]);
    const other = await createOrderRoutes(deps).request("/back/other_0123456789abcdefghij");
    expect(other.status).toBe(404);
    expect(await other.text()).toContain("in the mail that we send you");
  });

  it("is not found for an unknown order", async () => {
    expect((await createOrderRoutes(deps).request("/orders/order_zzzzzzzzzzzzzzzzzzzz")).status).toBe(404);
  });

  it("streams changes and ends with a reload when the state changes", async () => {
    views = [building, building, { ...building, state: "ready" }];
    const answer = await createOrderRoutes(deps).request(`/orders/${orderId}/events`);
    const frames = (await answer.text()).split("\n\n").filter((frame) => frame.includes("event: view"));
    expect(frames).toHaveLength(2);
    expect(frames[0]).toContain('"reload":false');
    expect(frames[1]).toContain('"reload":true');
  });

  it("shows the token once and never from a cache", async () => {
    views = [{ ...building, state: "ready" }];
    const first = await post(`/orders/${orderId}/credentials`, {});
    expect(first.headers.get("cache-control")).toBe("no-store");
    expect(await first.text()).toContain("secret-token");
    const second = await post(`/orders/${orderId}/credentials`, {});
    expect(second.status).toBe(303);
    expect(second.headers.get("location")).toBe(`/orders/${orderId}`);
  });

  it("leads in by a link that no cache keeps", async () => {
    const page = await post(`/orders/${orderId}/open`, {});
    expect(page.status).toBe(200);
    expect(page.headers.get("cache-control")).toBe("no-store");
    expect(await page.text()).toContain('href="https://bob.example.com/#bootstrapToken=once"');
  });

  it("says calmly that a machine lets nobody in, and leads back", async () => {
    deps.openAssistant = async () => {
      const why = { message: "no worker of its cell has answered", remedy: "fleet cells" };
      throw new ClawfleetError({ code: "conflict", ...why, retry: { kind: "retryable" } });
    };
    const page = await post(`/orders/${orderId}/open`, {});
    expect(page.status).toBe(503);
    const text = await page.text();
    expect(text).toContain(`href="/orders/${orderId}"`);
    expect(text).not.toContain("worker");
  });

  it("leads back to the order while there is nothing to open", async () => {
    deps.openAssistant = async () => undefined;
    expect((await post(`/orders/${orderId}/open`, {})).headers.get("location")).toBe(`/orders/${orderId}`);
  });
});
