/** Adds up what several test runs and checks say, into the one line that CI reads. Pure. */

export type Totals = { passed: number; failed: number; skipped: number };

export const noTests: Totals = { passed: 0, failed: 0, skipped: 0 };

export function addTotals(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** `12 passed, 0 failed, 3 skipped`; the last part only when something was skipped. */
export function describeTotals(totals: Totals): string {
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : "";
  return `${totals.passed} passed, ${totals.failed} failed${skipped}`;
}

/** A run counts as good only when something passed and nothing failed. */
export function isGood(totals: Totals): boolean {
  return totals.failed === 0 && totals.passed > 0;
}

/**
 * Reads vitest's JSON report. A file that could not even be loaded has no tests in it, so it counts as one failure.
 * @throws when the report is not one.
 */
export function parseReport(json: string): Totals {
  const report: unknown = JSON.parse(json);
  const number = (name: string): number => {
    const value = typeof report === "object" && report !== null ? Reflect.get(report, name) : undefined;
    if (typeof value !== "number") throw new Error(`the test report has no ${name}`);
    return value;
  };
  const failed = number("numFailedTests");
  const broken = number("numFailedTestSuites") > 0 && failed === 0 ? 1 : 0;
  return {
    passed: number("numPassedTests"),
    failed: failed + broken,
    skipped: number("numPendingTests") + number("numTodoTests"),
  };
}
