/** Proves the sum that CI reads: nothing that failed or did not run is counted as passed. */
import { describe, expect, it } from "vitest";
import { addTotals, describeTotals, isGood, noTests, parseReport } from "../support/totals.ts";

const report = (values: Partial<Record<string, number>>) =>
  JSON.stringify({
    numPassedTests: 0,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    numFailedTestSuites: 0,
    ...values,
  });

describe("totals", () => {
  it("adds runs up and names skipped tests only when there are some", () => {
    const sum = addTotals({ passed: 3, failed: 0, skipped: 0 }, { passed: 4, failed: 1, skipped: 2 });
    expect(describeTotals(sum)).toBe("7 passed, 1 failed, 2 skipped");
    expect(describeTotals({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
  });

  it("takes a run in which nothing passed for a failure", () => {
    expect(isGood(noTests)).toBe(false);
    expect(isGood({ passed: 5, failed: 1, skipped: 0 })).toBe(false);
    expect(isGood({ passed: 5, failed: 0, skipped: 3 })).toBe(true);
  });

  it("reads a report, todo tests as skipped", () => {
    expect(parseReport(report({ numPassedTests: 5, numPendingTests: 1, numTodoTests: 1 }))).toEqual({
      passed: 5,
      failed: 0,
      skipped: 2,
    });
  });

  it("counts a file that could not be loaded as a failure", () => {
    expect(parseReport(report({ numPassedTests: 5, numFailedTestSuites: 1 }))).toEqual({
      passed: 5,
      failed: 1,
      skipped: 0,
    });
  });

  it("refuses what is no report", () => {
    expect(() => parseReport("{}")).toThrow("numFailedTests");
  });
});
