/**
 * Proves what a customer is told of an order in every state, and that they are told nothing that is the operator's. Cannot
 * prove how the page looks: order-pages.test.ts reads it.
 */
import { describe, expect, it } from "vitest";
import { stages } from "../../reconciler/operations/engine-events.ts";
import {
  instanceStatuses,
  stepIds,
  toOrderView,
  type OrderFacts,
  type ProgressStep,
} from "../../reconciler/web/order-view.ts";

type Order = OrderFacts["order"];
type Instance = NonNullable<OrderFacts["instance"]>;

const order: Order = {
  id: "order-1",
  slug: "anna",
  state: "paid",
  credentialsShownAt: null,
  payUrl: "https://pay.example/1",
};
const running: Instance = { status: "converging", phase: "running", statusDetail: null };
const facts: OrderFacts = {
  order,
  planName: "Starter",
  url: "https://anna.claws.example",
  instance: running,
  progress: { done: new Set(["server"]), current: "network" },
};

function statesOf(change: Partial<OrderFacts>): ProgressStep["state"][] {
  return toOrderView({ ...facts, ...change }).steps.map((step) => step.state);
}

describe("the state of an order", () => {
  it.each<[string, Partial<Order>, Partial<Instance> | undefined, string, RegExp]>([
    [
      "is unpaid until billing says otherwise",
      { state: "open" },
      undefined,
      "unpaid",
      /not heard of your payment/,
    ],
    [
      "is expired when nobody paid in time",
      { state: "expired" },
      undefined,
      "expired",
      /Nothing was charged/,
    ],
    ["is building from the payment on", { state: "paid" }, undefined, "building", /few minutes/],
    [
      "is building while the instance waits for its turn",
      {},
      { status: "pending" },
      "building",
      /few minutes/,
    ],
    ["is building while it is made", {}, { status: "converging" }, "building", /few minutes/],
    ["is ready when the gateway answered", {}, { status: "ready" }, "ready", /answers at the address/],
    ["waits when a try failed", {}, { status: "waiting" }, "waiting", /We try it again by ourselves/],
    [
      "has failed when only a person can go on",
      {},
      { status: "parked" },
      "failed",
      /operators have been told/,
    ],
    ["has ended when the instance is gone", {}, { status: "gone" }, "ended", /has ended/],
    ["has ended when it is to be gone", {}, { status: "ready", phase: "gone" }, "ended", /has ended/],
    ["has ended when it is archived", {}, { status: "ready", phase: "archived" }, "ended", /has ended/],
    [
      "is what the instance says, though the order expired",
      { state: "expired" },
      { status: "ready" },
      "ready",
      /answers/,
    ],
    ["is building for a late payment", { state: "open" }, { status: "pending" }, "building", /few minutes/],
  ])("%s", (_what, orderChange, instance, state, detail) => {
    const view = toOrderView({
      ...facts,
      order: { ...order, ...orderChange },
      instance: instance && { ...running, ...instance },
    });
    expect(view.state).toBe(state);
    expect(view.detail).toMatch(detail);
  });

  it.each([
    [
      "no capacity at Hetzner in any type and location of the plan; it is tried again",
      /no free server of this kind/,
    ],
    ["no cell has room; it goes on when one has", /making room for your server. Your name is kept/],
    ["waiting for the cell eu1", /network that your server will be in/],
    ["Process exited with status 1: /etc/openclaw is odd", /^A step did not work/],
  ])("words %j for customers", (statusDetail, words) => {
    const instance: Instance = { ...running, status: "waiting", statusDetail };
    const { detail } = toOrderView({ ...facts, instance });
    expect(detail).toMatch(words);
    expect(detail).not.toContain("/etc");
  });

  it("tells an operator's reason in no other state", () => {
    const statusDetail = "token of account second is read-only";
    const others = instanceStatuses.filter((status) => status !== "waiting");
    for (const status of others) {
      const view = toOrderView({ ...facts, instance: { ...running, status, statusDetail } });
      expect(JSON.stringify(view)).not.toContain(statusDetail);
    }
  });
});

describe("the steps", () => {
  it("are always the same, in order, with a title", () => {
    const { steps } = toOrderView(facts);
    expect(steps.map(({ id }) => id)).toEqual(["paid", "server", "network", "dns", "install", "answers"]);
    for (const { title } of steps) expect(title).not.toBe("");
    expect(stepIds.slice(1)).toEqual(stages);
  });

  it.each<[string, Partial<OrderFacts>, string]>([
    [
      "nobody paid",
      {
        order: { ...order, state: "open" },
        instance: undefined,
        progress: { done: new Set(), current: undefined },
      },
      "waiting waiting waiting waiting waiting waiting",
    ],
    [
      "it was paid",
      { instance: undefined, progress: { done: new Set(), current: "server" } },
      "done running waiting waiting waiting waiting",
    ],
    ["it is built", {}, "done done running waiting waiting waiting"],
    [
      "it waits for its next try",
      { instance: { ...running, status: "waiting" } },
      "done done waiting waiting waiting waiting",
    ],
    [
      "only a person can go on",
      { instance: { ...running, status: "parked" } },
      "done done failed waiting waiting waiting",
    ],
    ["it answers", { instance: { ...running, status: "ready" } }, "done done done done done done"],
    [
      "later stages were done before",
      { progress: { done: new Set(["server", "network", "dns", "answers"]), current: "install" } },
      "done done done done running done",
    ],
    [
      "nothing is under way",
      { progress: { done: new Set(["server"]), current: undefined } },
      "done done waiting waiting waiting waiting",
    ],
  ])("when %s", (_what, change, states) => {
    expect(statesOf(change).join(" ")).toBe(states);
  });
});

describe("the view", () => {
  it("hands on what the page shows and nothing else", () => {
    expect(toOrderView(facts)).toEqual({
      id: "order-1",
      state: "building",
      detail: "This takes a few minutes. You can close this page and come back to it.",
      url: "https://anna.claws.example",
      planName: "Starter",
      payUrl: "https://pay.example/1",
      credentialsShown: false,
      steps: expect.any(Array) as unknown,
    });
  });

  it("knows whether the credentials were seen", () => {
    const seen = { ...order, credentialsShownAt: new Date("2026-11-20T12:00:00Z") };
    expect(toOrderView({ ...facts, order: seen }).credentialsShown).toBe(true);
  });
});
