/**
 * Proves how tables and ages of the command line look. Cannot prove that they fit on anybody's screen.
 */
import { describe, expect, it } from "vitest";
import { describeAge, renderTable, type Column } from "../../reconciler/cli/table.ts";

type Row = { name: string; count: number };
const columns: Column<Row>[] = [
  { title: "NAME", value: (row) => row.name },
  { title: "COUNT", value: (row) => String(row.count), align: "right" },
  { title: "NOTE", value: (row) => (row.count > 9 ? "many" : "") },
];

describe("renderTable", () => {
  it("pads every column to its longest cell, numbers to the right, and leaves no blanks at the end of a line", () => {
    const rows = [
      { name: "anna", count: 7 },
      { name: "bertram-the-second", count: 123_456 },
    ];
    expect(renderTable(columns, rows)).toBe(
      [
        "NAME                 COUNT  NOTE",
        "anna                     7",
        "bertram-the-second  123456  many",
      ].join("\n"),
    );
  });

  it("paints what a column says, padding included, and is the same text where nothing is painted", () => {
    const painted: Column<Row>[] = [
      { title: "NAME", value: (row) => row.name, tone: (row) => (row.count > 9 ? "grave" : undefined) },
      { title: "NOTE", value: (row) => row.name },
    ];
    const rows = [
      { name: "anna", count: 7 },
      { name: "bo", count: 70 },
    ];
    const text = renderTable(painted, rows, (cell, tone) => `<${tone}>${cell}</>`);
    expect(text).toBe("<quiet>NAME</>  <quiet>NOTE</>\nanna  anna\n<grave>bo  </>  bo");
    expect(text.replaceAll(/<[^>]*>/g, "")).toBe(renderTable(painted, rows));
  });

  it("is only its titles without rows", () => {
    expect(renderTable(columns, [])).toBe("NAME  COUNT  NOTE");
  });

  it("shows an empty cell in the middle as blanks", () => {
    const two: Column<Row>[] = [
      { title: "A", value: () => "" },
      { title: "B", value: (row) => row.name },
    ];
    expect(renderTable(two, [{ name: "x", count: 1 }])).toBe("A  B\n   x");
  });
});

describe("describeAge", () => {
  const now = new Date("2026-11-20T12:00:00Z");
  it.each([
    [0, "0 s"],
    [119, "119 s"],
    [120, "2 min"],
    [150, "3 min"],
    [7199, "120 min"],
    [7200, "2 h"],
    [172_799, "48 h"],
    [172_800, "2 d"],
    [86_400 * 400, "400 d"],
    [-30, "0 s"],
  ])("says of %i seconds ago: %s", (seconds, text) => {
    expect(describeAge(new Date(now.getTime() - seconds * 1000).toISOString(), now)).toBe(text);
  });
});
