/** What a customer may know of an order, computed from rows. Pure. */
import { assertNever } from "../errors.ts";

export const stepIds = ["paid", "server", "network", "dns", "install", "answers"] as const;
export type StepId = (typeof stepIds)[number];

export type ProgressStep = { id: StepId; title: string; state: "waiting" | "running" | "done" | "failed" };

export type OrderState = "unpaid" | "expired" | "building" | "waiting" | "failed" | "ready" | "ended";

export type OrderView = {
  id: string;
  state: OrderState;
  detail: string;
  url: string;
  planName: string;
  payUrl: string | undefined;
  credentialsShown: boolean;
  steps: ProgressStep[];
};

const titles: Record<StepId, string> = {
  paid: "Payment received",
  server: "Server ordered and started",
  network: "Private network and firewall",
  dns: "Address",
  install: "Assistant installed",
  answers: "Assistant answers",
};

export type OrderFacts = {
  order: {
    id: string;
    slug: string;
    state: "open" | "paid" | "expired";
    credentialsShownAt: Date | null;
    payUrl: string | undefined;
  };
  planName: string;
  url: string;
  instance: { status: InstanceStatus; phase: string; statusDetail: string | null } | undefined;
  /** Steps that the operations of this instance have finished, and the one under way. */
  progress: { done: ReadonlySet<StepId>; current: StepId | undefined };
};

export const instanceStatuses = ["pending", "converging", "ready", "waiting", "parked", "gone"] as const;
export type InstanceStatus = (typeof instanceStatuses)[number];

export function toOrderView(facts: OrderFacts): OrderView {
  const state = toState(facts);
  return {
    id: facts.order.id,
    state,
    detail: toDetail(state, facts),
    url: facts.url,
    planName: facts.planName,
    payUrl: facts.order.payUrl,
    credentialsShown: facts.order.credentialsShownAt !== null,
    steps: stepIds.map((id) => ({ id, title: titles[id], state: toStepState(id, state, facts) })),
  };
}

function toState({ order, instance }: OrderFacts): OrderState {
  if (!instance)
    return order.state === "expired" ? "expired" : order.state === "open" ? "unpaid" : "building";
  if (instance.status === "gone" || instance.phase !== "running") return "ended";
  switch (instance.status) {
    case "ready":
      return "ready";
    case "parked":
      return "failed";
    case "waiting":
      return "waiting";
    case "pending":
    case "converging":
      return "building";
    default:
      return assertNever(instance.status);
  }
}

function toDetail(state: OrderState, { instance }: OrderFacts): string {
  switch (state) {
    case "unpaid":
      return "We have not heard of your payment yet. If you have paid, this page goes on by itself within a minute.";
    case "expired":
      return "The payment was not finished in time and the name is free again. Nothing was charged.";
    case "building":
      return "This takes a few minutes. You can close this page and come back to it.";
    case "waiting":
      return toWaitingDetail(instance?.statusDetail ?? "");
    case "failed":
      return "Our operators have been told and are looking at it. You need not do anything.";
    case "ready":
      return "It runs on its own server and answers at the address below.";
    case "ended":
      return "The subscription has ended.";
    default:
      return assertNever(state);
  }
}

/** The operators' words stay with the operators. */
function toWaitingDetail(detail: string): string {
  if (detail.startsWith("waiting for the cell"))
    return "The network that your server will be in is being made ready.";
  if (detail.startsWith("no cell"))
    return "We are making room for your server. Your name is kept, and it goes on by itself.";
  if (detail.startsWith("no capacity"))
    return "The data centre has no free server of this kind right now. We ask again every few minutes, by ourselves.";
  return "A step did not work. We try it again by ourselves; you need not do anything.";
}

function toStepState(id: StepId, state: OrderState, facts: OrderFacts): ProgressStep["state"] {
  if (state === "ready") return "done";
  if (id === "paid") return facts.instance || facts.order.state === "paid" ? "done" : "waiting";
  if (facts.progress.done.has(id)) return "done";
  if (facts.progress.current !== id) return "waiting";
  return state === "failed" ? "failed" : state === "building" ? "running" : "waiting";
}
