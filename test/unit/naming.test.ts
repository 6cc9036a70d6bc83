/** Proves that names and labels are valid at Hetzner and Cloudflare for every name that a customer may choose. */
import { assert, property, stringMatching } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  cellStack,
  instanceHost,
  instanceLabels,
  instanceSelector,
  instanceStack,
  isReservedSlug,
  parseCellStack,
  recordComment,
  serverName,
} from "../../components/naming.ts";
import { slugSchema } from "../../infra/config.ts";

const slugs = stringMatching(/^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/).filter((slug) => !slug.includes("--"));

describe("names", () => {
  test("every allowed slug gives a host name, label values and a DNS name within their limits", () => {
    assert(
      property(slugs, (slug) => {
        expect(slugSchema.safeParse(slug).success).toBe(true);
        expect(serverName(slug)).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
        for (const value of Object.values(instanceLabels({ id: "iabc", slug, cell: "eu1" }))) {
          expect(value).toMatch(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/);
        }
        expect(instanceHost(slug, "example.com").split(".")[0]?.length).toBeLessThanOrEqual(63);
        expect(parseCellStack(instanceStack(slug))).toBeUndefined();
      }),
    );
  });

  test.each(["", "-a", "a-", "a--b", "A", "ä", "a.b", "1a", "a".repeat(33), "a b", "a_b", "xn--a"])(
    "%j is no slug",
    (slug) => {
      expect(slugSchema.safeParse(slug).success).toBe(false);
    },
  );

  test("names that mislead or that mail and browsers use are reserved", () => {
    expect(
      ["www", "mail", "api", "autodiscover", "wpad", "clawfleet", "spare"].filter(
        (slug) => !isReservedSlug(slug),
      ),
    ).toEqual([]);
    expect(isReservedSlug("bob")).toBe(false);
  });

  test("a cell's stack cannot be an instance's", () => {
    expect(parseCellStack(cellStack("eu1"))).toBe("eu1");
    expect(slugSchema.safeParse(cellStack("eu1")).success).toBe(false);
  });

  test("an instance is found by label and by comment alone", () => {
    expect(instanceSelector("iabc")).toBe("managed-by=clawfleet,clawfleet-instance=iabc");
    expect(recordComment("iabcdefghijkl").length).toBeLessThanOrEqual(100);
  });
});
