/** Proves when a customer's files are taken for small enough for a disk. */
import { expect, test } from "vitest";
import { fitsOn } from "../../reconciler/converge/copy.ts";

test("files fit where the system and some room fit beside them", () => {
  expect([29e9, 31e9].map((bytes) => fitsOn(bytes, 40))).toEqual([true, false]);
});
