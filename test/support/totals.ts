/** Adds up what several test runs and checks say, into the few lines that CI reads. Pure. */
import { z } from "zod";

export type Totals = {
  passed: number;
  failed: number;
  skipped: number;
  /** What failed and why, a line each. */
  failures: readonly string[];
};

export const noTests: Totals = { passed: 0, failed: 0, skipped: 0, failures: [] };

export function addTotals(a: Totals, b: Totals): Totals {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    failures: [...a.failures, ...b.failures],
  };
}

/** What failed, then `12 passed, 0 failed, 3 skipped` as the last line; its last part only when something was skipped. */
export function describeTotals(totals: Totals): string {
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : "";
  const failures = totals.failures.map((failure) => `FAILED ${failure}\n`).join("");
  return `${failures}${totals.passed} passed, ${totals.failed} failed${skipped}`;
}

/** A run counts as good only when something passed and nothing failed. */
export function isGood(totals: Totals): boolean {
  return totals.failed === 0 && totals.passed > 0;
}

const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numFailedTestSuites: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      message: z.string().default(""),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});

const maxReason = 1500;

/**
 * Reads vitest's JSON report. A file that could not even be loaded has no tests in it, so it counts as one failure.
 * @throws when the report is not one.
 */
export function parseReport(json: string): Totals {
  const report = reportSchema.parse(JSON.parse(json));
  const broken = report.numFailedTestSuites > 0 && report.numFailedTests === 0 ? 1 : 0;
  const failures = report.testResults.flatMap(({ name, message, assertionResults }) => {
    const file = name.slice(name.lastIndexOf("/") + 1);
    const own = message === "" ? [] : [`${file}: ${shorten(message)}`];
    const failed = assertionResults.filter(({ status }) => status === "failed");
    return [
      ...own,
      ...failed.map(
        ({ fullName, failureMessages }) => `${file}: ${fullName}: ${shorten(failureMessages?.[0] ?? "")}`,
      ),
    ];
  });
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken,
    skipped: report.numPendingTests + report.numTodoTests,
    failures,
  };
}

/** Without the stack: where it failed is known from the name. */
function shorten(reason: string): string {
  const [said = ""] = reason.split(/\n\s+at /);
  return said.slice(0, maxReason).trim();
}
