/** Proves by a table when an order without an operation has come to its end, and what is said then. That the queue tells it is integration/cli-stops.test.ts' matter. */
import { describe, expect, test } from "vitest";
import { findStop, type Standing } from "../../reconciler/cli/done.ts";

const standing: Standing = { name: "ada", idle: true, status: "ready", detail: null, leftAlone: null };
const leftAlone = { message: "ada is paused", remedy: "fleet resume ada" };

describe("an order without an operation", () => {
  test.each<[string, Partial<Standing>]>([
    ["whose job waits or runs", { idle: false }],
    ["that waits behind another one's failure", { idle: false, status: "waiting", detail: "no network" }],
    ["about one that is parked, and is to be tried anew", { idle: false, status: "parked", detail: "no" }],
    ["that waits while it is paused", { idle: false, leftAlone }],
    ["whose instance got a job since the queue was asked", { status: "pending" }],
    ["whose instance is worked on since the queue was asked", { status: "converging" }],
  ])("%s goes on", (_what, change) => {
    expect(findStop({ ...standing, ...change })).toBeUndefined();
  });

  test.each<[string, Partial<Standing>, message: string, remedy: string]>([
    [
      "that failed and is tried again",
      { status: "waiting", detail: "no network" },
      "ada is waiting: no network",
      "by itself",
    ],
    [
      "that needs a person",
      { status: "parked", detail: "not ours; delete it" },
      "ada is parked: not ours; delete it",
      "fleet apply ada",
    ],
    ["that was not wanted any more", {}, "ada is ready", "fleet show ada"],
    ["about one that is gone meanwhile", { status: "gone", leftAlone }, "ada is gone", "fleet list"],
    ["about a paused one", { leftAlone }, "nothing was done: ada is paused", "fleet resume ada"],
    [
      "about one that was paused before its turn",
      { status: "pending", leftAlone },
      "nothing was done: ada is paused",
      "fleet resume ada",
    ],
    [
      "about one that is left alone, nobody knows until when",
      { leftAlone: { ...leftAlone, remedy: null } },
      "ada is paused",
      "fleet show ada",
    ],
    [
      "about a cell",
      { name: "cell.eu1", status: "waiting", detail: "no token" },
      "cell.eu1 is waiting: no token",
      "fleet show cell.eu1",
    ],
  ])("%s has come to its end", (_what, change, message, remedy) => {
    expect(findStop({ ...standing, ...change })).toEqual({
      message: expect.stringContaining(message),
      remedy: expect.stringContaining(remedy),
    });
  });
});
