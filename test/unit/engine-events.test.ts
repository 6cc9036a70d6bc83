/**
 * Proves which line a person reads for each event of the engine, and which step of the progress each resource belongs to.
 * Cannot prove that the engine sends events of this form: the tests with the real engine do.
 */
import { describe, expect, it } from "vitest";
import {
  stageOf,
  stageResources,
  stages,
  toOperationEvent,
  hideScripts,
} from "../../reconciler/operations/engine-events.ts";

const type = "hcloud:index/server:Server";
const urn =
  "urn:pulumi:anna::clawfleet::clawfleet:index:AssistantInstance$hcloud:index/server:Server::server";
const metadata = (op: string, change: object = {}) => ({ metadata: { op, urn, type, ...change } });

describe("a resource", () => {
  it.each([
    ["create", "creating server", "created server"],
    ["update", "changing server", "changed server"],
    ["delete", "deleting server", "deleted server"],
    ["replace", "replacing server", "replaced server"],
    ["create-replacement", "creating the replacement of server", "created the replacement of server"],
    ["delete-replaced", "deleting the replaced server", "deleted the replaced server"],
    ["read", "reading server", "read server"],
    ["refresh", "looking at server", "looked at server"],
    ["import", "adopting server", "adopted server"],
    ["discard", "forgetting server", "forgot server"],
    ["something-new", "something-new server", "something-new server"],
  ])("is told when %s begins, ends and fails", (op, started, done) => {
    const data = { resource: "server", type, op };
    expect(toOperationEvent({ sequence: 1, timestamp: 2, resourcePreEvent: metadata(op) })).toEqual({
      kind: "resource-started",
      message: started,
      data,
    });
    expect(toOperationEvent({ resOutputsEvent: metadata(op) })).toEqual({
      kind: "resource-done",
      message: done,
      data,
    });
    expect(toOperationEvent({ resOpFailedEvent: { ...metadata(op), status: 1, steps: 1 } })).toEqual({
      kind: "resource-failed",
      message: `${started} failed`,
      data,
    });
  });

  it("that is the same is told once, when it is done", () => {
    expect(toOperationEvent({ resourcePreEvent: metadata("same") })).toBeUndefined();
    expect(toOperationEvent({ resOutputsEvent: metadata("same") })?.message).toBe(
      "server is as it should be",
    );
  });

  it.each(["pulumi:pulumi:Stack", "pulumi:providers:hcloud"])("of Pulumi's own is not told: %s", (own) => {
    expect(toOperationEvent({ resourcePreEvent: metadata("create", { type: own }) })).toBeUndefined();
    expect(toOperationEvent({ resOutputsEvent: metadata("create", { type: own }) })).toBeUndefined();
  });

  it("of Pulumi's own is told when it fails", () => {
    const failed = { ...metadata("create", { type: "pulumi:providers:hcloud" }) };
    expect(toOperationEvent({ resOpFailedEvent: failed })?.kind).toBe("resource-failed");
  });
});

describe("a diagnostic", () => {
  const diagnostic = (change: object) =>
    toOperationEvent({
      diagnosticEvent: { urn, message: "text", severity: "info", color: "never", ...change },
    });

  it("is told with its resource and how bad it is, without colours", () => {
    expect(
      diagnostic({ message: "<{%reset%}>error: <{%fg 1%}>wrong<{%reset%}>\n\n", severity: "error" }),
    ).toEqual({
      kind: "diagnostic",
      message: "server: error: wrong",
      data: { severity: "error", resource: "server" },
    });
  });

  it.each([{ urn: undefined }, { urn: "" }])("without a resource is told as it is: %j", (none) => {
    expect(diagnostic({ ...none, severity: "warning" })).toEqual({
      kind: "diagnostic",
      message: "text",
      data: { severity: "warning" },
    });
  });

  it("keeps its lines", () => {
    expect(diagnostic({ message: "one\ntwo\n" })?.message).toBe("server: one\ntwo");
  });

  it.each([
    ["says nothing", { message: "<{%reset%}> \n" }],
    ["is for developers", { severity: "debug" }],
    ["is gone in a moment", { ephemeral: true }],
  ])("that %s is not told", (_what, change) => {
    expect(diagnostic(change)).toBeUndefined();
  });
});

describe("the summary", () => {
  it("counts what changed", () => {
    const resourceChanges = { create: 3, same: 1, update: 0 };
    expect(
      toOperationEvent({ summaryEvent: { resourceChanges, durationSeconds: 12, maybeCorrupt: false } }),
    ).toEqual({
      kind: "summary",
      message: "3 create, 1 same in 12 s",
      data: { create: 3, same: 1 },
    });
  });

  it("of nothing says so", () => {
    expect(toOperationEvent({ summaryEvent: { resourceChanges: {}, durationSeconds: 0 } })).toEqual({
      kind: "summary",
      message: "nothing in 0 s",
      data: {},
    });
  });
});

describe("anything else", () => {
  it.each([
    undefined,
    null,
    "text",
    {},
    { stdoutEvent: { message: "hello" } },
    { preludeEvent: { config: { "clawfleet:token": "secret" } } },
    { cancelEvent: {} },
    { resourcePreEvent: {} },
    { resourcePreEvent: { metadata: { op: "create", urn: 5, type } } },
    { diagnosticEvent: { message: "no severity" } },
  ])("is not told and breaks nothing: %j", (event) => {
    expect(toOperationEvent(event)).toBeUndefined();
  });
});

describe("stages", () => {
  it("hold every resource of an instance once, in the order in which they are made", () => {
    expect(stages.map((stage) => [stage, ...stageResources[stage]])).toEqual([
      ["server", "server"],
      ["network", "firewall", "network"],
      ["dns", "record-a", "record-aaaa"],
      ["install", "first-boot", "tls-request", "tls-certificate", "tls-install", "configure"],
      ["answers", "health"],
    ]);
  });

  it("are found by the resource's name", () => {
    for (const stage of stages)
      for (const resource of stageResources[stage]) expect(stageOf(resource)).toBe(stage);
    expect(["assistant", "hcloud", "", "subnet"].map(stageOf)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("a failed command", () => {
  it("is told by what it said, never by its script", () => {
    const quoted = JSON.stringify("exec node --eval 'throw \"ECONNREFUSED (protected)\"'\n");
    const text = hideScripts(`Process exited with status 1: running ${quoted}:\nhealth: no token\n`);
    expect(text).toBe("Process exited with status 1: health: no token\n");
  });
});
