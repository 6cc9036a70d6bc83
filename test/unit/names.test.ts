/** Proves which names a subscription may live under. Who gets which of them is proved in claims.test.ts. */
import { expect, test } from "vitest";
import { slugSchema } from "../../infra/config.ts";
import {
  askedName,
  earlierName,
  generatedNames,
  ownNames,
  possibleNames,
} from "../../reconciler/desired/names.ts";

const id = "sub_1Qxmhx";

test.each([
  { slug: "bob", asked: "bob" },
  { slug: null, asked: undefined },
  { slug: "B o b", asked: undefined },
  { slug: "www", asked: undefined },
])("the name $slug is taken at its word: $asked", ({ slug, asked }) => {
  const generated = [earlierName(id), ...generatedNames(id)];
  expect(askedName({ id, slug })).toBe(asked);
  expect(ownNames({ id, slug })).toEqual(asked === undefined ? generated : [asked]);
  expect(possibleNames({ id, slug })).toEqual(asked === undefined ? generated : [asked, ...generated]);
});

test("a generated name follows from the subscription, is a possible name and grows", () => {
  const names = generatedNames(id);
  expect(names).toEqual(generatedNames(id));
  expect(names.map((name) => name.length)).toEqual([18, 32]);
  const impossible = [earlierName(id), ...names].filter((name) => !slugSchema.safeParse(name).success);
  expect(impossible).toEqual([]);
});

test("two that had one name in an earlier version have names of their own", () => {
  const other = "sub_1Q188kx";
  expect([earlierName(id), earlierName(other)]).toEqual(["a-327f13e8", "a-327f13e8"]);
  expect(new Set([...generatedNames(id), ...generatedNames(other)]).size).toBe(4);
});
