/** Tables for people: columns padded with blanks, so that they survive pipes and mail; colour is the terminal's matter. */
import type { Tone } from "./terminal.ts";

export type Column<Row> = {
  title: string;
  value(row: Row): string;
  align?: "right";
  /** undefined: as the rest. */
  tone?(row: Row): Tone | undefined;
};

type Paint = (text: string, tone: Tone) => string;

/** Blanks are counted before anything is painted. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  paint: Paint = (text) => text,
): string {
  const texts = rows.map((row) => columns.map((column) => column.value(row)));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...texts.map((line) => (line[index] ?? "").length)),
  );
  const toLine = (line: readonly string[], row: Row | undefined) => {
    const last = line.findLastIndex((cell) => cell !== "");
    return line
      .slice(0, last + 1)
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        const column = columns[index];
        const right = column?.align === "right";
        const padded = right ? cell.padStart(width) : index === last ? cell : cell.padEnd(width);
        const tone = row === undefined ? "quiet" : column?.tone?.(row);
        return tone === undefined ? padded : paint(padded, tone);
      })
      .join("  ");
  };
  const titles = columns.map(({ title }) => title);
  return [toLine(titles, undefined), ...rows.map((row, index) => toLine(texts[index] ?? [], row))].join("\n");
}

export function describeChanges(changes: Record<string, number> | null): string {
  return Object.entries(changes ?? {})
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");
}

/** "42 s", "3 min", "5 h", "12 d": how long ago, for a table. */
export function describeAge(iso: string, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(iso)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
