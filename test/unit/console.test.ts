/** Proves the console's pure parts by table: addresses of the fleet's table, diffs line by line, positions in a log. */
import { describe, expect, test } from "vitest";
import { toDiffLines } from "../../reconciler/console/diff-lines.ts";
import { fleetQuerySchema, toFleetPath, toSortPath } from "../../reconciler/console/fleet-query.ts";
import { formatPosition, parsePosition } from "../../reconciler/console/log-list.tsx";

const parse = (search: string) => fleetQuerySchema.parse(Object.fromEntries(new URLSearchParams(search)));

describe("the fleet's address", () => {
  test.each([
    ["", "/console"],
    ["q=&phase=&plan=&cell=&health=", "/console"],
    ["q=ada&status=parked", "/console?q=ada&status=parked"],
    ["sort=created&order=down&cell=eu1", "/console?cell=eu1&sort=created&order=down"],
    ["status=nonsense&sort=secrets&order=sideways&health=2", "/console"],
    [`q=${"x".repeat(101)}`, "/console"],
    ["after=not-a-cursor&before=%00", "/console"],
  ])("?%s is %s", (search, path) => {
    expect(toFleetPath(parse(search))).toBe(path);
  });

  test("keeps its page in both directions, and leaves it when the filter changes", () => {
    const cursor = { value: "5 & ?=/", id: "iabcdefghijkl" };
    const query = parse("status=ready&q=b%26o");
    for (const side of ["after", "before"] as const) {
      const path = toFleetPath(query, { [side]: cursor });
      const again = parse(path.slice(path.indexOf("?") + 1));
      expect(again).toEqual({ ...query, [side]: cursor });
      expect(toFleetPath(again, { status: undefined })).toBe("/console?q=b%26o");
    }
  });

  test("turns an order round when it is asked for again", () => {
    expect(toSortPath(parse("sort=name"), "name")).toBe("/console?sort=name&order=down");
    expect(toSortPath(parse("sort=name&order=down"), "name")).toBe("/console?sort=name");
    expect(toSortPath(parse("sort=name&order=down"), "plan")).toBe("/console?sort=plan");
  });
});

test.each([
  ["    + hcloud:index/server:Server: (create)", "create"],
  ["    +-hcloud:index/server:Server: (replace)", "replace"],
  ["    ++hcloud:index/server:Server: (create-replacement)", "replace"],
  ["    --hcloud:index/server:Server: (delete-replaced)", "delete"],
  ["    - cloudflare:index/dnsRecord:DnsRecord: (delete)", "delete"],
  ['      ~ serverType: "cx23" => "cx33"', "update"],
  ["      - [1]: 2", "delete"],
  ["    --outputs:--", "same"],
  ["    [urn=urn:pulumi:ada::clawfleet::x]", "same"],
  ["-----BEGIN", "same"],
  ["      labels: {", "same"],
] as const)("%j is %s", (text, kind) => {
  expect(toDiffLines(`${text}\n`)).toEqual([{ kind, text }]);
});

describe("a position in a log", () => {
  test.each(["0.-1", "12.0", "2147483647.999999999"])("%s is one", (text) => {
    const position = parsePosition(text);
    expect(position && formatPosition(position)).toBe(text);
  });
  test.each(["", "12", "12.", ".1", "12.-2", "1e3.1", "9999999999.1", "1.1; drop", "١.١"])(
    "%j is none",
    (text) => {
      expect(parsePosition(text)).toBeUndefined();
    },
  );
});
