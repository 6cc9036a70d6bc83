/**
 * Compares the hcloud stand-in's answers with the recording of the official plugin, value by value, with a client that
 * answers as the recorder's cloud did. It cannot show what was not recorded; without the recording it is skipped.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { HalfMade } from "../sandbox/providers/bridge/plugin.ts";
import type { Bag } from "../sandbox/providers/bridge/values.ts";
import { HcloudError } from "../sandbox/providers/hcloud/errors.ts";
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
import { findSpec, missingSpecNote } from "../support/specs.ts";

const serverUrn = urnOf("server:Server", "cust1");
const firewallUrn = urnOf("firewall:Firewall", "fw");

/** A server as the recorder's cloud showed it, changed by `more`. */
const apiServer = (more: Bag = {}) => ({
  id: 1026,
  name: "cust1",
  status: "off",
  server_type: { name: "cx23" },
  image: { id: 161547269, name: "ubuntu-24.04" },
  location: { name: "fsn1" },
  labels: { a: "b" },
  public_net: {
    ipv4: { ip: "203.0.113.27" },
    ipv6: { ip: "2001:db8:404::/64" },
    firewalls: [],
  },
  private_net: [],
  backup_window: null,
  protection: { delete: false, rebuild: false },
  placement_group: null,
  primary_disk_size: 40,
  ...more,
});

const apiFirewall = {
  id: 1039,
  name: "fw-5ca7ff1",
  labels: {},
  applied_to: [],
  rules: [{ direction: "in", port: "22", protocol: "tcp", source_ips: ["0.0.0.0/0", "::/0"] }],
};

describe.skipIf(!isRecorded)(`steps of ${recordingName}`, () => {
  const named = recorded("[server named] check ", " failures:");
  const state = recorded("[server refresh] read id=1026 props ", " inputs ");
  /** The recorder compared with this one: a placement group of nothing, not of 0. */
  const halfMade = recorded(" props=", " inputs={}");

  const order = {
    "GET /server_types": { server_types: [{ id: 1, name: "cx23", architecture: "x86" }] },
    "GET /images": { images: [{ id: 161547269, name: "ubuntu-24.04", deprecated: null }] },
  };

  test("a creation whose action fails leaves a half-made server", async () => {
    const answer = { server: apiServer(), action: { id: 1030, status: "error" }, next_actions: [] };
    const asked: string[] = [];
    const run = openRun({ ...order, "POST /servers": answer }, asked);
    const error = await run
      .create({ urn: serverUrn, inputs: named, preview: false })
      .catch((one: unknown) => one);
    if (!(error instanceof HalfMade)) throw error;
    expect(error.id).toBe("1026");
    expect(error.state).toEqual(halfMade);
    expect([error.message]).toEqual(recorded(" reasons=", " props="));
    expect(asked.at(-1)).toBe(
      'POST /servers {"name":"cust1","server_type":"cx23","image":161547269,"location":"fsn1","user_data":"#cloud-config\\n","labels":{"a":"b"}}',
    );
  });

  test("a refresh reads what the cloud has, and keeps the inputs as given", async () => {
    const run = openRun({ "GET /servers/1026": { server: apiServer() } });
    const found = await run.read({
      urn: serverUrn,
      id: "1026",
      state: halfMade,
      inputs: named,
    });
    const line = lines.find((one) => one.startsWith("[server refresh]")) ?? "";
    const inputs = JSON.parse(line.slice(line.indexOf(" inputs ") + " inputs ".length)) as Bag;
    expect(found).toEqual({ id: "1026", state, inputs });
  });

  test("a change of labels is one PUT between two looks", async () => {
    const asked: string[] = [];
    const answers = { "GET /servers/1026": { server: apiServer({ labels: { a: "c" } }) } };
    const news = { ...named, labels: { a: "c" } };
    const updated = await openRun(answers, asked).update({
      ...diffAsk(serverUrn, state, news),
      id: "1026",
      preview: false,
    });
    expect(updated).toEqual(recorded("[labels] update "));
    expect(asked).toEqual([
      "GET /servers/1026",
      'PUT /servers/1026 {"labels":{"a":"c"}}',
      "GET /servers/1026",
    ]);
  });

  test("a vanished server is gone for a refresh and an error for a deletion", async () => {
    const missing = new HcloudError("not_found", 404, "server with ID '1026' not found", "abc");
    const run = openRun({ "DELETE /servers/1026": missing });
    expect(await run.read({ urn: serverUrn, id: "1026", state, inputs: named })).toBeUndefined();
    const error = await run.delete({ urn: serverUrn, id: "1026", state }).catch((one: unknown) => one);
    expect(lines).toContain(
      `[vanished] delete ERROR code=Unknown msg=${JSON.stringify(error instanceof Error ? error.message : "")}`,
    );
  });

  test("a refused order and a refused key have the words of their half", async () => {
    const taken = new HcloudError("uniqueness_error", 409, "server name is already used", "abc");
    const sameKey = new HcloudError(
      "uniqueness_error",
      409,
      "SSH key with the same fingerprint already exists",
      "abc",
    );
    const run = openRun({ ...order, "POST /servers": taken, "POST /ssh_keys": sameKey });
    const texts = await Promise.all(
      [
        run.create({ urn: serverUrn, inputs: named, preview: false }),
        run.create({
          urn: urnOf("sshKey:SshKey", "key"),
          inputs: { publicKey: "k", name: "o" },
          preview: false,
        }),
      ].map((step) => step.then(String, (error: Error) => error.message)),
    );
    expect(lines).toContain(`[server dup] create ERROR code=Unknown msg=${JSON.stringify(texts[0])}`);
    expect(lines).toContain(`[sshkey dup] create ERROR code=Unknown msg=${JSON.stringify(texts[1])}`);
  });

  test("an SSH key's state", async () => {
    const answer = recorded("[sshkey] create id=1025 ");
    const { name, publicKey, fingerprint } = answer;
    const key = { id: 1025, name, public_key: publicKey, fingerprint, labels: {} };
    const inputs = recorded("[sshkey no name] check ", " failures:");
    const asked: string[] = [];
    const created = await openRun({ "POST /ssh_keys": { ssh_key: key } }, asked).create({
      urn: urnOf("sshKey:SshKey", "key"),
      inputs,
      preview: false,
    });
    expect(created).toEqual({ id: "1025", state: answer });
    expect(asked).toEqual([
      `POST /ssh_keys {"name":"key-5ca7ff1","public_key":"${String(publicKey)}","labels":{}}`,
    ]);
  });

  test("a firewall's state, and emptied rules that send nothing", async () => {
    const inputs = recorded("[fw] check ", " failures:");
    const made = recorded("[fw] create id=1039 ");
    const asked: string[] = [];
    const run = openRun(
      {
        "POST /firewalls": { firewall: apiFirewall, actions: [] },
        "GET /firewalls/1039": { firewall: apiFirewall },
      },
      asked,
    );
    expect(await run.create({ urn: firewallUrn, inputs, preview: false })).toEqual({
      id: "1039",
      state: made,
    });
    const emptied = recorded("[fw2] check ", " failures:");
    const ask = diffAsk(firewallUrn, made, emptied);
    expect(toRecordedDiff(run.diff(ask))).toEqual(recorded("[fw rules->[]] diff "));
    asked.length = 0;
    expect(await run.update({ ...ask, id: "1039", preview: false })).toEqual(
      recorded("[fw rules->[]] update "),
    );
    expect(asked).toEqual(["GET /firewalls/1039", "GET /firewalls/1039"]);
  });
});

const wireName = "trace-hcloud-wire.log";
const wire = findSpec(wireName);

test.skipIf(wire === undefined)(
  `rules go out in the recorded order${wire === undefined ? ` (${missingSpecNote(wireName)})` : ""}`,
  async () => {
    const text = readFileSync(wire ?? "", "utf8");
    const body = /set_rules (\{.*\}) ->/.exec(text)?.[1] ?? "";
    const rule = (port: string) => ({
      direction: "in",
      protocol: "tcp",
      port,
      sourceIps: ["0.0.0.0/0", "::/0"],
    });
    const asked: string[] = [];
    const run = openRun({ "GET /firewalls/1039": { firewall: apiFirewall } }, asked);
    const olds = { name: "fw", rules: [rule("22")], labels: {} };
    for (const rules of [
      [rule("22"), rule("443")],
      [rule("443"), rule("22")],
    ]) {
      asked.length = 0;
      const ask = diffAsk(firewallUrn, olds, { __defaults: [], name: "fw", rules });
      await run.update({ ...ask, id: "1039", preview: false });
      expect(asked[1]).toBe(`POST /firewalls/1039/actions/set_rules ${body}`);
    }
  },
);
