/** Proves the label grammar of the simulated Hetzner; that the real one parses alike is known from its document only. */
import { array, assert, property, stringMatching } from "fast-check";
import { describe, expect, it } from "vitest";
import {
  matchesSelector,
  parseSelector,
  problemOfKey,
  problemOfLabels,
  problemOfValue,
} from "../sandbox/hetzner/label-selector.ts";

const labels = { env: "production", type: "web", "example.com/team": "a-1", "just-a-key": "" };

const cases: [selector: string, matches: boolean][] = [
  ["", true],
  ["env", true],
  ["!env", false],
  ["absent", false],
  ["!absent", true],
  ["env=production", true],
  ["env==production", true],
  ["env = production", true],
  ["env=testing", false],
  ["env!=production", false],
  ["env != testing", true],
  ["absent!=x", true],
  ["absent=x", false],
  ["env in (production,testing)", true],
  ["env in ( testing , production )", true],
  ["env in (testing)", false],
  ["env notin (testing,staging)", true],
  ["env notin (production)", false],
  ["absent in (x)", false],
  ["absent notin (x)", true],
  ["example.com/team=a-1", true],
  ["just-a-key=", true],
  ["just-a-key", true],
  ["env=production,type!=database", true],
  ["env=production,type=database", false],
  ["env in (production,testing),!absent,type", true],
  ["env in (production,testing),absent", false],
];

describe("label selector", () => {
  it.each(cases)("%j matches: %s", (selector, matches) => {
    const parsed = parseSelector(selector);
    expect(parsed).toBeDefined();
    expect(matchesSelector(labels, parsed ?? [])).toBe(matches);
  });

  it.each([
    "=x",
    "a b",
    "a=b=c",
    "env in production",
    "env in (a",
    ",",
    "env,",
    "a=!b",
    "-a",
    "a in (b),",
    "a=b c",
  ])("%j is refused", (selector) => {
    expect(parseSelector(selector)).toBeUndefined();
  });

  it("finds exactly the values of a set", () => {
    const value = stringMatching(/^[a-z0-9]{1,8}$/);
    expect(() =>
      assert(
        property(array(value, { minLength: 1, maxLength: 5 }), value, (values, own) => {
          const chosen = { k: own };
          const list = values.join(",");
          const isIn = matchesSelector(chosen, parseSelector(`k in (${list})`) ?? []);
          const isNotIn = matchesSelector(chosen, parseSelector(`k notin (${list})`) ?? []);
          return isIn === values.includes(own) && isNotIn !== isIn;
        }),
      ),
    ).not.toThrow();
  });
});

describe("labels", () => {
  it.each(["a", "A-b_c.d9", "a".repeat(63), "example.com/a", `${"a".repeat(63)}.de/x`])(
    "key %j is allowed",
    (key) => {
      expect(problemOfKey(key)).toBeUndefined();
    },
  );

  it.each(["", "-a", "a-", "a b", "a".repeat(64), "/a", "a/", "a/b/c", "-x.de/a", "hetzner.cloud/a", "ü"])(
    "key %j is refused",
    (key) => {
      expect(problemOfKey(key)).toBeDefined();
    },
  );

  it.each(["", "a", "v1.2.3", "x".repeat(63)])("value %j is allowed", (value) => {
    expect(problemOfValue(value)).toBeUndefined();
  });

  it.each(["-a", "a-", "x".repeat(64), "a b", "a@b"])("value %j is refused", (value) => {
    expect(problemOfValue(value)).toBeDefined();
  });

  it("names the first wrong label", () => {
    expect(problemOfLabels({ ok: "1", "-bad": "2" })).toContain("-bad");
    expect(problemOfLabels({ ok: "1", good: "" })).toBeUndefined();
  });
});
