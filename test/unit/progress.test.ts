/**
 * Proves how far an instance is told to be from the marks of its resources, and that the stages fit the component. Cannot
 * prove that the marks are the last ones of each resource: the query on real rows decides that.
 */
import { describe, expect, it } from "vitest";
import { runInstance } from "../../infra/instance.ts";
import { stageResources, stages, type Stage } from "../../reconciler/operations/engine-events.ts";
import { toProgress } from "../../reconciler/operations/progress.ts";
import type { ResourceMark } from "../../reconciler/operations/rows.ts";
import { instanceCloud } from "../support/instance-cloud.ts";
import { makeInstanceInputs } from "../support/instance-inputs.ts";
import { recordPulumi } from "../support/pulumi-recorder.ts";

const done = (...resources: string[]): ResourceMark[] =>
  resources.map((resource) => ({ resource, kind: "resource-done" }));
const started = (resource: string): ResourceMark => ({ resource, kind: "resource-started" });
const failed = (resource: string): ResourceMark => ({ resource, kind: "resource-failed" });
const upTo = (stage: Stage) =>
  done(...stages.slice(0, stages.indexOf(stage) + 1).flatMap((each) => stageResources[each]));

describe("toProgress", () => {
  it.each<[string, ResourceMark[], Stage[], Stage | undefined]>([
    ["nothing has begun", [], [], "server"],
    ["the server begins", [started("server")], [], "server"],
    ["the server stands", done("server", "firewall"), ["server"], "network"],
    ["the network is half made", [...done("server", "firewall"), started("network")], ["server"], "network"],
    ["one record is there", [...upTo("network"), ...done("record-a")], ["server", "network"], "dns"],
    ["both records are there", upTo("dns"), ["server", "network", "dns"], "install"],
    [
      "the installation goes on",
      [...upTo("dns"), ...done("first-boot", "tls-request"), started("tls-certificate")],
      ["server", "network", "dns"],
      "install",
    ],
    [
      "the gateway is asked",
      [...upTo("install"), started("health")],
      ["server", "network", "dns", "install"],
      "answers",
    ],
    ["everything is done", upTo("answers"), [...stages], undefined],
    [
      "the installation failed",
      [...upTo("dns"), failed("first-boot")],
      ["server", "network", "dns"],
      "install",
    ],
    [
      "the health check failed",
      [...upTo("install"), failed("health")],
      ["server", "network", "dns", "install"],
      "answers",
    ],
    [
      "a later change is under way",
      [...upTo("answers").filter((mark) => mark.resource !== "configure"), started("configure")],
      ["server", "network", "dns", "answers"],
      "install",
    ],
    ["resources of no stage are seen", [...done("assistant"), started("hcloud")], [], "server"],
  ])("when %s", (_what, marks, stagesDone, current) => {
    const progress = toProgress(marks);
    expect([...progress.done]).toEqual(stagesDone);
    expect(progress.current).toBe(current);
  });

  it("does not depend on the order of the marks", () => {
    const marks = [...upTo("dns"), started("first-boot")];
    expect(toProgress(marks.toReversed())).toEqual(toProgress(marks));
  });

  it("takes nothing for done that only began or failed", () => {
    const half = stages
      .flatMap((stage) => stageResources[stage])
      .map((resource, index) => [started, failed][index % 2]?.(resource));
    expect(toProgress(half.flatMap((mark) => (mark ? [mark] : []))).done.size).toBe(0);
  });
});

describe("the stages", () => {
  it("name every child of the component and nothing that it has not", async () => {
    const recorder = await recordPulumi(instanceCloud);
    await recorder.run(() => runInstance(makeInstanceInputs()));
    const children = recorder.resources.filter((resource) => resource.parent === "assistant");
    expect(stages.flatMap((stage) => stageResources[stage]).toSorted()).toEqual(
      children.map((child) => child.name).toSorted(),
    );
  });
});
