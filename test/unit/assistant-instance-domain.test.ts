/**
 * Proves what a domain of the customer's own adds to an instance and what it leaves as it is, input by input. Cannot prove that the
 * engine changes it in place, nor that anything answers under it: e2e/property-effects.test.ts and e2e/custom-domain.test.ts do.
 */
import { isDeepStrictEqual } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test } from "vitest";
import type { Override } from "../../infra/config.ts";
import { runInstance } from "../../infra/instance.ts";
import { instanceCloud } from "../support/instance-cloud.ts";
import { makeInstanceInputs } from "../support/instance-inputs.ts";
import { recordPulumi, type Recorder } from "../support/pulumi-recorder.ts";

const zoneId = "f".repeat(32);

async function record(override: Override): Promise<{ recorder: Recorder; told: unknown }> {
  const { cell } = makeInstanceInputs();
  const outputs = { ...cell.outputs, customZones: { "firm.example": zoneId } };
  const settings = { ...cell.settings, dnsTags: true };
  const recorder = await recordPulumi(instanceCloud);
  const given = await recorder.run(() =>
    runInstance(makeInstanceInputs({ override, cell: { ...cell, outputs, settings } })),
  );
  const told = await new Promise((resolve) => pulumi.output(given).apply(resolve));
  return { recorder, told };
}

describe("an instance with a domain of the customer's own", () => {
  let plain: Recorder;
  let recorder: Recorder;
  let told: unknown;

  beforeAll(async () => {
    ({ recorder: plain } = await record({}));
    ({ recorder, told } = await record({ customDomain: "ai.firm.example" }));
  });

  test.each([
    ["domain-record-a-firm.example", "A", "192.0.2.1"],
    ["domain-record-aaaa-firm.example", "AAAA", "2001:db8::1"],
  ])("has %s in the domain's zone, with our comment, and without tags", (name, type, content) => {
    expect(recorder.find(name)).toMatchObject({
      type: "cloudflare:index/dnsRecord:DnsRecord",
      parent: "assistant",
      provider: "cloudflare",
      dependsOn: ["server"],
      options: { deleteBeforeReplace: true },
    });
    expect(recorder.find(name).inputs).toEqual({
      zoneId,
      name: "ai.firm.example",
      type,
      content,
      proxied: true,
      ttl: 1,
      comment: "clawfleet instance 01j9instance",
    });
  });

  test("has a certificate for both names, by a request for both", () => {
    expect(recorder.find("tls-certificate").inputs["hostnames"]).toEqual([
      "anna.claws.example",
      "ai.firm.example",
    ]);
    expect(recorder.find("tls-request").inputs["stdin"]).toBe(
      '{"host":"anna.claws.example","domain":"ai.firm.example","folder":"/etc/caddy/tls"}',
    );
  });

  test("is configured after its records are there", () => {
    expect(recorder.find("first-boot").dependsOn).toEqual([
      "domain-record-a-firm.example",
      "domain-record-aaaa-firm.example",
      "network",
      "record-a",
      "record-aaaa",
      "server",
    ]);
  });

  test("leaves server, firewall, network and its own records as they are", () => {
    const changed = plain.resources.filter(
      ({ name, inputs }) => name !== "assistant" && !isDeepStrictEqual(inputs, recorder.find(name).inputs),
    );
    expect(changed.map(({ name }) => name).toSorted()).toEqual([
      "configure",
      "health",
      "tls-certificate",
      "tls-request",
    ]);
  });

  test("shows the domain, and tells every name that it answers under", () => {
    expect(told).toMatchObject({
      url: "https://ai.firm.example",
      hosts: ["anna.claws.example", "ai.firm.example"],
    });
  });
});
