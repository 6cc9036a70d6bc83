/** Proves how engine events become lines, steps and clean text. The events' shape is the Automation API's own. */
import { describe, expect, test } from "vitest";
import { stageResources, stages, toOperationEvent } from "../../reconciler/operations/engine-events.ts";
import { toProgress } from "../../reconciler/operations/progress.ts";
import { createRedact, redacted } from "../../reconciler/operations/redact.ts";
import { describeAge, renderTable } from "../../reconciler/cli/table.ts";
import { toOrderView, type OrderFacts } from "../../reconciler/web/order-view.ts";

const urn = (name: string) => `urn:pulumi:bob::clawfleet::clawfleet:index:AssistantInstance$x::${name}`;
const metadata = (op: string, name: string, type = "hcloud:index/server:Server") => ({
  op,
  urn: urn(name),
  type,
});

describe("engine events", () => {
  test.each([
    [{ resourcePreEvent: { metadata: metadata("create", "server") } }, "creating server"],
    [{ resOutputsEvent: { metadata: metadata("create", "server") } }, "created server"],
    [{ resOutputsEvent: { metadata: metadata("same", "server") } }, "server is as it should be"],
    [{ resOpFailedEvent: { metadata: metadata("delete", "server") } }, "deleting server failed"],
    [
      { diagnosticEvent: { urn: urn("health"), message: "<{%reset%}>started\n", severity: "info" } },
      "health: started",
    ],
    [{ summaryEvent: { resourceChanges: { create: 2, same: 0 }, durationSeconds: 4 } }, "2 create in 4 s"],
    [{ summaryEvent: { resourceChanges: {}, durationSeconds: 1 } }, "nothing in 1 s"],
  ])("%j reads: %s", (event, message) => {
    expect(toOperationEvent(event)?.message).toBe(message);
  });

  test.each([
    [{ resourcePreEvent: { metadata: metadata("same", "server") } }],
    [{ resourcePreEvent: { metadata: metadata("create", "x", "pulumi:providers:hcloud") } }],
    [{ diagnosticEvent: { message: "x", severity: "debug" } }],
    [{ diagnosticEvent: { message: "x", severity: "info", ephemeral: true } }],
    [{ diagnosticEvent: { message: "<{%reset%}>\n", severity: "info" } }],
    [{ cancelEvent: {} }],
    ["nonsense"],
  ])("%j is nothing that a person wants to read", (event) => {
    expect(toOperationEvent(event)).toBeUndefined();
  });
});

describe("progress", () => {
  const done = (resource: string) => ({ kind: "resource-done", resource });
  const started = (resource: string) => ({ kind: "resource-started", resource });
  const all = (stage: (typeof stages)[number]) => stageResources[stage].map(done);

  test("a stage is done when all of its resources are; the furthest one begun is under way", () => {
    const marks = [...all("server"), ...all("dns"), done("firewall"), started("first-boot")];
    const progress = toProgress(marks);
    expect([...progress.done].toSorted()).toEqual(["dns", "server"]);
    expect(progress.current).toBe("install");
  });

  test("nothing yet means the first stage, everything means none", () => {
    expect(toProgress([]).current).toBe("server");
    const everything = toProgress(stages.flatMap(all));
    expect(everything.current).toBeUndefined();
    expect(everything.done.size).toBe(stages.length);
  });
});

describe("an order as its customer sees it", () => {
  const facts: OrderFacts = {
    order: { id: "o", slug: "bob", state: "paid", credentialsShownAt: null, payUrl: undefined },
    planName: "Starter",
    url: "https://bob.example.com",
    instance: { status: "converging", phase: "running", statusDetail: null },
    progress: { done: new Set(["server"]), current: "network" },
  };
  const instance = (
    status: "pending" | "ready" | "waiting" | "parked" | "gone",
    detail: string | null = null,
    phase = "running",
  ) => toOrderView({ ...facts, instance: { status, phase, statusDetail: detail } });

  test("steps follow the operation", () => {
    const states = toOrderView(facts).steps.map(({ id, state }) => `${id} ${state}`);
    expect(states).toEqual([
      "paid done",
      "server done",
      "network running",
      "dns waiting",
      "install waiting",
      "answers waiting",
    ]);
  });

  test.each([
    ["ready", instance("ready").state],
    ["waiting", instance("waiting").state],
    ["failed", instance("parked").state],
    ["ended", instance("gone").state],
    ["ended", instance("ready", null, "suspended").state],
    [
      "unpaid",
      toOrderView({ ...facts, instance: undefined, order: { ...facts.order, state: "open" } }).state,
    ],
    [
      "expired",
      toOrderView({ ...facts, instance: undefined, order: { ...facts.order, state: "expired" } }).state,
    ],
    ["building", toOrderView({ ...facts, instance: undefined }).state],
  ])("is %s", (expected, state) => {
    expect(state).toBe(expected);
  });

  test("our own words for operators are not shown to customers", () => {
    const internal = "Process exited with status 1: /etc/openclaw is odd";
    expect(instance("waiting", internal).detail).not.toContain("/etc");
    expect(instance("parked", internal).detail).not.toContain("/etc");
    expect(instance("waiting", "no capacity at Hetzner in any type").detail).toContain("no free server");
  });
});

describe("redaction", () => {
  const redact = createRedact(["my-own-token-1234", "short"]);

  test.each([
    ["a known value", "x my-own-token-1234 y", `x ${redacted} y`],
    [
      "a private key",
      "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----",
      redacted,
    ],
    ["a Stripe key", "sk_live_abc123 and whsec_99", `${redacted} and ${redacted}`],
    ["a bearer header", "authorization: Bearer abc.def-ghi", `authorization: Bearer ${redacted}`],
    ["a database password", "postgres://fleet:hunter2@db:5432/x", `postgres://fleet:${redacted}@db:5432/x`],
    ["a model key", "sk-ant-api03-xyz", redacted],
    ["nothing", "a short text", "a short text"],
  ])("takes out %s", (_name, text, clean) => {
    expect(redact(text)).toBe(clean);
  });
});

describe("tables", () => {
  test("columns line up, numbers to the right, no spaces at the end", () => {
    const text = renderTable(
      [
        { title: "NAME", value: (row: { name: string; age: string }) => row.name },
        { title: "AGE", value: (row) => row.age, align: "right" },
      ],
      [
        { name: "bob", age: "5 s" },
        { name: "a-long-name", age: "12 min" },
      ],
    );
    expect(text.split("\n")).toEqual(["NAME            AGE", "bob             5 s", "a-long-name  12 min"]);
  });

  test.each([
    [5, "5 s"],
    [119, "119 s"],
    [120, "2 min"],
    [7200, "2 h"],
    [172_800, "2 d"],
    [-5, "0 s"],
  ])("%d seconds ago is %s", (seconds, text) => {
    const now = new Date("2026-11-21T12:00:00Z");
    expect(describeAge(new Date(now.getTime() - seconds * 1000).toISOString(), now)).toBe(text);
  });
});
