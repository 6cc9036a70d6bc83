/** Proves what is taken from a run's events. That the engine sends them so is proven by test/e2e/process-diet.test.ts. */
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { describe, expect, test } from "vitest";
import { createStackReport } from "../../infra/stack-report.ts";

const stamp = { sequence: 1, timestamp: 1 };

function registered(outputs: Record<string, unknown>, more: { type?: string; planning?: boolean } = {}) {
  const { type = "pulumi:pulumi:Stack", planning = false } = more;
  const state = { type, urn: "urn", id: "", parent: "", inputs: {}, outputs, provider: "" };
  const metadata = { op: "same", urn: "urn", type, new: state, provider: "" } as const;
  return { ...stamp, resOutputsEvent: { metadata, planning } } satisfies EngineEvent;
}

function seen(...events: EngineEvent[]) {
  const report = createStackReport();
  for (const event of events) report.see(event);
  return report;
}

describe("report of a run", () => {
  test("outputs are those of the stack, as they were registered last", () => {
    const report = seen(
      registered({ url: "old" }),
      registered({ url: "other" }, { type: "hcloud:index/server:Server" }),
      registered({ url: "new", ranges: ["a", "b"] }),
      registered({ url: "planned" }, { planning: true }),
    );
    expect(report.outputs()).toEqual({ url: "new", ranges: ["a", "b"] });
  });

  test("changes are those of the last summary", () => {
    const summary = (resourceChanges: Record<string, number>): EngineEvent => ({
      ...stamp,
      summaryEvent: { maybeCorrupt: false, durationSeconds: 1, resourceChanges, policyPacks: {} },
    });
    expect(seen(summary({ create: 3 }), summary({ same: 4, update: 1 })).changes()).toEqual({
      same: 4,
      update: 1,
    });
  });

  test("a run that said nothing has neither", () => {
    expect([seen().outputs(), seen().changes()]).toEqual([{}, {}]);
  });

  test("a secret output is refused by name, and its mask is taken for no value", () => {
    const secret = {
      "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
      ciphertext: "[secret]",
    };
    expect(() => seen(registered({ health: secret })).outputs()).toThrow("the output health is a secret");
  });
});
