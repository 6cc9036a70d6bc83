/** Proves what is adopted, removed, left and parked, from a state and what the clouds hold. It cannot prove what the clouds answer. */
import { describe, expect, test } from "vitest";
import { stackStateSchema } from "../../infra/runner-protocol.ts";
import { createMadeByUs, planAdoption, type CloudObject } from "../../reconciler/recovery/objects.ts";
import { sortPending } from "../../reconciler/recovery/pending.ts";
import { adoptRemedy } from "../../reconciler/recovery/remedies.ts";

const serverType = "hcloud:index/server:Server";
const at = (hour: number) => new Date(Date.UTC(2026, 0, 1, hour));

function server(id: string, changes: Partial<CloudObject> = {}): CloudObject {
  return {
    type: serverType,
    logicalName: "server",
    id,
    importId: id,
    what: `server ${id}`,
    ours: true,
    inTheWay: true,
    adoptable: true,
    guarded: false,
    createdAt: at(12),
    preferred: false,
    ...changes,
  };
}

function stateOf(...ids: string[]) {
  const urn = `urn:pulumi:bob::clawfleet::clawfleet:index:AssistantInstance$${serverType}::server`;
  return stackStateSchema.parse({ resources: ids.map((id) => ({ urn, type: serverType, id })) });
}

const madeByUs = createMadeByUs([{ startedAt: at(11), endedAt: at(13) }]);

describe("what the clouds hold beside the state", () => {
  const cases: [string, string[], CloudObject[], Record<string, string[] | boolean>][] = [
    ["nothing anywhere", [], [], {}],
    ["known to the state", ["1"], [server("1")], {}],
    ["ours, and unknown to the state", [], [server("1")], { adopt: ["1"] }],
    ["ours, and the state knows one that is no more", ["9"], [server("1")], { adopt: ["1"], stale: true }],
    ["somebody else's, where ours has to be", [], [server("1", { ours: false })], { foreign: ["1"] }],
    ["somebody else's beside ours", ["1"], [server("1"), server("2", { ours: false })], {}],
    ["a second one that a run of ours made", ["1"], [server("1"), server("2")], { remove: ["2"] }],
    [
      "a second one that nobody's run made",
      ["1"],
      [server("1"), server("2", { createdAt: at(20) })],
      { leave: ["2"] },
    ],
    [
      "a second one that is protected",
      ["1"],
      [server("1"), server("2", { guarded: true })],
      { leave: ["2"] },
    ],
    [
      "two, and the network knows the second",
      [],
      [server("1"), server("2", { preferred: true })],
      { adopt: ["2"], remove: ["1"] },
    ],
    [
      "a certificate that no state knows",
      [],
      [server("1", { adoptable: false, inTheWay: false })],
      { remove: ["1"] },
    ],
  ];
  test.each(cases)("%s", (_name, known, objects, expected) => {
    const plan = planAdoption(stateOf(...known), objects, madeByUs);
    const ids = (list: CloudObject[]) => list.map(({ id }) => id);
    expect({
      adopt: ids(plan.adopt),
      remove: ids(plan.remove),
      leave: ids(plan.leave),
      foreign: ids(plan.foreign),
      stale: plan.stale,
    }).toEqual({ adopt: [], remove: [], leave: [], foreign: [], stale: false, ...expected });
  });

  test("one that waits to be deleted by the engine is neither adopted nor a second one", () => {
    const urn = `urn:pulumi:bob::clawfleet::${serverType}::server`;
    const state = stackStateSchema.parse({
      resources: [
        { urn, type: serverType, id: "2" },
        { urn, type: serverType, id: "1", delete: true },
      ],
    });
    const plan = planAdoption(state, [server("2"), server("1")], madeByUs);
    expect([plan.adopt, plan.remove, plan.leave]).toEqual([[], [], []]);
  });
});

describe("what a run began and nobody saw the end of", () => {
  const operation = (type: string, kind: string) => ({
    type: kind,
    resource: { urn: `urn:pulumi:bob::clawfleet::${type}::one`, type },
  });
  test.each([
    ["hcloud:index/server:Server", "creating", "creates"],
    ["hcloud:index/serverNetwork:ServerNetwork", "creating", "creates"],
    ["hcloud:index/networkSubnet:NetworkSubnet", "creating", "creates"],
    ["cloudflare:index/originCaCertificate:OriginCaCertificate", "creating", "creates"],
    ["command:remote:Command", "creating", "creates"],
    ["pulumi:providers:hcloud", "creating", "creates"],
    ["hcloud:index/volume:Volume", "creating", "unknown"],
    ["hcloud:index/server:Server", "updating", "others"],
    ["hcloud:index/server:Server", "deleting", "others"],
  ])("%s, %s", (type, kind, list) => {
    const sorted = sortPending(stackStateSchema.parse({ pending_operations: [operation(type, kind)] }));
    const filled = Object.entries(sorted).filter(([, urns]) => urns.length > 0);
    expect(filled.map(([name]) => name)).toEqual([list]);
  });
});

test("what cannot be repaired names the commands, one for each object", () => {
  const parent = "urn:pulumi:bob::clawfleet::clawfleet:index:AssistantInstance::assistant";
  const provider = "urn:pulumi:bob::clawfleet::pulumi:providers:hcloud::hcloud";
  const adopt = [{ type: serverType, name: "server", id: "7", parentUrn: parent, providerUrn: provider }];
  expect(adoptRemedy("bob", adopt).split("; ")).toEqual([
    `npm run pulumi -- import --yes --protect=false --generate-code=false --parent 'parent=${parent}' --provider 'provider=${provider}' '${serverType}' server 7 --stack bob`,
    "npm run pulumi -- refresh --yes --clear-pending-creates --run-program --stack bob",
    "npm run fleet -- apply bob",
  ]);
});
