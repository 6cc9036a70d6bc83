/** Proves what of an instance is the same whenever it is made anew from its subscription, and what is not. */
import { describe, expect, test } from "vitest";
import { instanceSecretsSchema } from "../../infra/config.ts";
import { open, sealContext } from "../../infra/seal.ts";
import { createInstanceSecrets, deriveInstanceId } from "../../reconciler/secrets.ts";

const key = "0f".repeat(32);
const subscription = { provider: "stripe", id: "sub_1" };

describe("the id of an instance", () => {
  test("follows from its subscription, and fits a label", () => {
    const id = deriveInstanceId(key, subscription, 0);
    expect(id).toMatch(/^i[a-z2-7]{12}$/);
    expect(deriveInstanceId(key, { ...subscription }, 0)).toBe(id);
  });

  test.each([
    ["another subscription", key, { ...subscription, id: "sub_2" }, 0],
    ["another provider", key, { ...subscription, provider: "paddle" }, 0],
    ["the one after it", key, subscription, 1],
    ["another installation", "1f".repeat(32), subscription, 0],
  ])("is another one for %s", (_what, masterKey, of, earlier) => {
    expect(deriveInstanceId(masterKey, of, earlier)).not.toBe(deriveInstanceId(key, subscription, 0));
  });

  test("is not the same for two of ten thousand", () => {
    const ids = Array.from({ length: 10_000 }, (_, at) =>
      deriveInstanceId(key, { provider: "stripe", id: `sub_${at}` }, 0),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });
});

test("a machine is known again by its host key; what can be set anew is new", () => {
  const read = (id: string) =>
    instanceSecretsSchema.parse(open(key, createInstanceSecrets(key, id), sealContext.instance(id)));
  const [first, again, other] = [read("i1"), read("i1"), read("i2")];
  expect(again.hostKeyPrivate).toBe(first.hostKeyPrivate);
  expect(again.hostKeyPublic).toBe(first.hostKeyPublic);
  expect(other.hostKeyPublic).not.toBe(first.hostKeyPublic);
  expect(again.gatewayToken).not.toBe(first.gatewayToken);
});
