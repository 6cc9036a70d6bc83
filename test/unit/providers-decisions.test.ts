/**
 * Compares what the hcloud stand-in checks and decides with the recording of the official plugin. Nothing is asked of a
 * cloud here; without the recording it is skipped.
 */
import { describe, expect, test } from "vitest";
import type { Bag } from "../sandbox/providers/bridge/values.ts";
import {
  diffAsk,
  isRecorded,
  lines,
  openRun,
  recorded,
  recordingName,
  toRecordedDiff,
  urnOf,
} from "../sandbox/providers/recording.ts";

const serverUrn = urnOf("server:Server", "cust1");
const unseeded = { seed: new Uint8Array(), autonaming: { mode: "propose", proposed: "" } } as const;
const proposed = (name: unknown) =>
  ({ ...unseeded, autonaming: { mode: "propose", proposed: String(name) } }) as const;
const without = (bag: Bag, ...names: string[]): Bag =>
  Object.fromEntries(Object.entries(bag).filter(([name]) => !names.includes(name)));

describe.skipIf(!isRecorded)(`decisions of ${recordingName}`, () => {
  const named = recorded("[server named] check ", " failures:");
  const state = recorded("[server refresh] read id=1026 props ", " inputs ");
  /** The recorder compared with this one: a placement group of nothing, not of 0. */
  const halfMade = recorded(" props=", " inputs={}");

  test("names that nobody gave are made up and listed as defaults", () => {
    const server = recorded("[server autoname] check ", " failures:");
    const news = without(server, "__defaults", "name");
    expect(openRun().check({ urn: serverUrn, news, olds: {}, naming: proposed(server["name"]) })).toEqual({
      inputs: server,
      failures: [],
    });
    const key = recorded("[sshkey no name] check ", " failures:");
    const checked = openRun().check({
      urn: urnOf("sshKey:SshKey", "key"),
      news: without(key, "name"),
      olds: {},
      naming: proposed(key["name"]),
    });
    expect(checked).toEqual({ inputs: key, failures: [] });
  });

  test.each([
    ["server bad (no type)", { image: "ubuntu-24.04", name: "cust1" }],
    ["server bad label", { image: "ubuntu-24.04", labels: { "-a": "x" }, name: "cust1", serverType: "cx23" }],
  ])("%s is refused in the same words", (name, news) => {
    const line = lines.find((one) => one.startsWith(`[${name}] check`)) ?? "";
    const { failures } = openRun().check({ urn: serverUrn, news, olds: {}, naming: unseeded });
    expect(failures).toHaveLength(1);
    expect(line).toContain(`reason:${JSON.stringify(failures[0])}`);
  });

  const changes = lines.flatMap((line) => /^\[diff (\w+)\]/.exec(line)?.[1] ?? []);
  test.each(changes)("a change of %s is checked and decided the same", (name) => {
    const inputs = recorded(`[chk ${name}] check `, " failures:");
    const checked = openRun().check({
      urn: serverUrn,
      news: JSON.parse(JSON.stringify(inputs).replaceAll('"__defaults":[],', "")) as Bag,
      olds: named,
      naming: unseeded,
    });
    expect(checked).toEqual({ inputs, failures: [] });
    expect(toRecordedDiff(openRun().diff(diffAsk(serverUrn, halfMade, inputs)))).toEqual(
      recorded(`[diff ${name}] diff `),
    );
  });

  test("the same inputs are no change, after a failed creation too", () => {
    for (const [olds, answer] of [
      [state, recorded("[no change] diff ")],
      [halfMade, recorded("[after init failure same inputs] diff ")],
    ] as const) {
      expect(toRecordedDiff(openRun().diff(diffAsk(serverUrn, olds, named)))).toEqual(answer);
    }
  });

  test("a preview shows unknowns where the cloud decides", async () => {
    const created = await openRun().create({ urn: serverUrn, inputs: named, preview: true });
    expect(created).toEqual({ id: "", state: recorded("[server preview] create id= ") });
  });
});
