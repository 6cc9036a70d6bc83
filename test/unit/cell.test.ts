/**
 * Proves which resources and look-ups a cell consists of, with exactly which inputs and options, and what it promises its
 * instances. Cannot prove that the zone exists or that the ranges are Cloudflare's present ones.
 */
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { runCell } from "../../infra/cell.ts";
import { cellSettingsSchema } from "../../infra/config.ts";
import type { CellInputs } from "../../infra/inputs.ts";
import { cellOutputsSchema } from "../../infra/outputs.ts";
import { runProgram } from "../../infra/program.ts";
import { recordPulumi, withoutSecrets, type Cloud, type Recorder } from "../support/pulumi-recorder.ts";

const inputs: CellInputs = {
  kind: "cell",
  name: "eu1",
  settings: cellSettingsSchema.parse({
    zone: "claws.example",
    customZones: ["firm.example"],
    networkRange: "10.1.0.0/16",
    subnetRange: "10.1.0.0/24",
  }),
  secrets: { sshPrivateKey: "private-key-of-the-cell", sshPublicKey: "ssh-ed25519 AAAA cell\n" },
  credentials: { hcloudToken: "hcloud-token", cloudflareToken: "cloudflare-token" },
  generation: 3,
  converged: false,
  pollInterval: "50ms",
};

const cloud: Cloud = (_type, name) => ({
  id: { network: "11", subnet: "11-10.1.0.0/24", "ssh-key": "22" }[name] ?? name,
  state: {},
});
const answers = {
  "cloudflare:index/getZone:getZone": { zoneId: "0123456789abcdef0123456789abcdef", name: "claws.example" },
  "cloudflare:index/getIpRanges:getIpRanges": {
    ipv4Cidrs: ["173.245.48.0/20", "103.21.244.0/22"],
    ipv6Cidrs: ["2400:cb00::/32"],
  },
};
const labels = { "managed-by": "clawfleet", "clawfleet-cell": "eu1" };

describe("a cell", () => {
  let recorder: Recorder;
  let outputs: ReturnType<typeof runCell>;

  beforeAll(async () => {
    recorder = await recordPulumi(cloud, answers);
    outputs = await recorder.run(() => runCell(inputs));
  });

  it.each<[type: string, name: string, inputs: object, options: object]>([
    ["hcloud:index/network:Network", "network", { name: "cf-cell-eu1", ipRange: "10.1.0.0/16", labels }, {}],
    [
      "hcloud:index/networkSubnet:NetworkSubnet",
      "subnet",
      { networkId: 11, type: "cloud", networkZone: "eu-central", ipRange: "10.1.0.0/24" },
      {},
    ],
    [
      "hcloud:index/sshKey:SshKey",
      "ssh-key",
      { name: "cf-cell-eu1", publicKey: "ssh-ed25519 AAAA cell", labels },
      { deleteBeforeReplace: true },
    ],
  ])("has one %s called %s with exactly these inputs and options", (type, name, expected, options) => {
    expect(recorder.find(name)).toMatchObject({ type, parent: "cell", provider: "hcloud" });
    expect(recorder.find(name).inputs).toEqual(expected);
    expect(recorder.find(name).options).toEqual(options);
  });

  it("has nothing else but itself and its providers", () => {
    expect(recorder.resources.map(({ type, name }) => `${type} ${name}`).toSorted()).toEqual([
      "clawfleet:index:Cell cell",
      "hcloud:index/network:Network network",
      "hcloud:index/networkSubnet:NetworkSubnet subnet",
      "hcloud:index/sshKey:SshKey ssh-key",
      "pulumi:providers:cloudflare cloudflare",
      "pulumi:providers:hcloud hcloud",
    ]);
  });

  it("looks its zones up by their names, and Cloudflare's ranges", () => {
    const asked = recorder.calls.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    expect(asked).toEqual([
      { token: "cloudflare:index/getIpRanges:getIpRanges", inputs: {} },
      { token: "cloudflare:index/getZone:getZone", inputs: { filter: { name: "claws.example" } } },
      { token: "cloudflare:index/getZone:getZone", inputs: { filter: { name: "firm.example" } } },
    ]);
  });

  it("promises its instances what the contract says, the ranges in one order", async () => {
    const told = await new Promise((resolve) => pulumi.output(outputs).apply(resolve));
    expect(told).toEqual({
      networkId: "11",
      subnetId: "11-10.1.0.0/24",
      sshKeyId: "22",
      zoneId: "0123456789abcdef0123456789abcdef",
      zoneName: "claws.example",
      // The recorder answers every look-up alike.
      customZones: { "firm.example": "0123456789abcdef0123456789abcdef" },
      cloudflareRanges: ["103.21.244.0/22", "173.245.48.0/20", "2400:cb00::/32"],
    });
    expect(cellOutputsSchema.safeParse(told).success).toBe(true);
  });

  it("never sees the private key, and shows no token", () => {
    const all = JSON.stringify(recorder.resources);
    expect(all).not.toContain(inputs.secrets.sshPrivateKey);
    const open = JSON.stringify(recorder.resources.map((resource) => withoutSecrets(resource.inputs)));
    expect(open).not.toContain(inputs.credentials.hcloudToken);
    expect(open).not.toContain(inputs.credentials.cloudflareToken);
    expect(recorder.find("hcloud").inputs).toMatchObject({
      token: { secret: "hcloud-token" },
      pollInterval: "50ms",
    });
  });
});

describe("the program", () => {
  it("makes a cell of a cell's inputs", async () => {
    const recorder = await recordPulumi(cloud, answers);
    const outputs = await recorder.run(() => runProgram(inputs));
    expect(Object.keys(outputs).toSorted()).toEqual(Object.keys(cellOutputsSchema.shape).toSorted());
    expect(recorder.find("cell").type).toBe("clawfleet:index:Cell");
  });
});
