/** Proves how the record of a scan says what it left unjudged. That the rest is judged is integration/drift-unjudged.test.ts. */
import { describe, expect, test } from "vitest";
import { describeUnjudged } from "../../reconciler/drift/unjudged.ts";

describe("the record of a scan", () => {
  const stack = (name: string, account = "default") => ({ stack: name, account });

  test("names whose state could not be read, and why, of its own account", () => {
    const unreadable = new Map([
      ["ada", "no JSON"],
      ["bob", "no address"],
    ]);
    expect(
      describeUnjudged("default", [stack("ada"), stack("bob", "second"), stack("eve")], unreadable),
    ).toBe("not judged: the state of ada (no JSON)");
    expect(describeUnjudged("default", [stack("eve")], unreadable)).toBeNull();
  });

  test("is no book where nothing could be read", () => {
    const stacks = Array.from({ length: 1000 }, (_, at) => stack(`s${at}`));
    const unreadable = new Map(stacks.map(({ stack: name }) => [name, "no JSON"]));
    const detail = describeUnjudged("default", stacks, unreadable) ?? "";
    expect(detail).toContain("the state of s19 (no JSON); and 980 more");
    expect(detail).not.toContain("s20");
  });
});
