/** What every bench gives: figures, and how they are written down. Pure. */

export type Figure = {
  case: string;
  value: number;
  unit: string;
  /** What the value is held against, in the same unit. */
  baseline?: number;
  /** Largest ratio to the baseline that is good. */
  goal?: number;
};

export type Reporter = {
  /** Progress, for whoever waits. */
  say: (text: string) => void;
  report: (figure: Figure) => void;
};

export type Bench = {
  /** One line for the list of benches. */
  summary: string;
  run(reporter: Reporter): Promise<void>;
};

export function toLine(bench: string, figure: Figure): string {
  const { value, unit, baseline } = figure;
  const beside = baseline === undefined ? {} : { baseline: round(baseline), ratio: round(ratioOf(figure)) };
  return JSON.stringify({ bench, case: figure.case, value: round(value), unit, ...beside });
}

export function toTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.case,
    String(round(figure.value)),
    figure.unit,
    figure.baseline === undefined ? "" : String(round(figure.baseline)),
    figure.baseline === undefined ? "" : `${round(ratioOf(figure))}x`,
    figure.goal === undefined
      ? ""
      : `<= ${figure.goal}x ${ratioOf(figure) <= figure.goal ? "held" : "MISSED"}`,
  ]);
  const all = [["case", "value", "unit", "baseline", "ratio", "goal"], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function ratioOf({ value, baseline = 0 }: Figure): number {
  return baseline === 0 ? 0 : value / baseline;
}

/** Three digits that mean something. */
function round(value: number): number {
  return Number(value.toPrecision(3));
}
