/** Proves the sum that CI reads: nothing that failed or did not run is counted as passed. */
import { describe, expect, it } from "vitest";
import { addTotals, describeTotals, isGood, noTests, parseReport } from "../support/totals.ts";

const report = (values: Record<string, unknown>) =>
  JSON.stringify({
    numPassedTests: 0,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    numFailedTestSuites: 0,
    testResults: [],
    ...values,
  });

describe("totals", () => {
  it("adds runs up and names skipped tests only when there are some", () => {
    const sum = addTotals({ ...noTests, passed: 3 }, { ...noTests, passed: 4, failed: 1, skipped: 2 });
    expect(describeTotals(sum)).toBe("7 passed, 1 failed, 2 skipped");
    expect(describeTotals({ ...noTests, passed: 3 })).toBe("3 passed, 0 failed");
  });

  it("takes a run in which nothing passed for a failure", () => {
    expect(isGood(noTests)).toBe(false);
    expect(isGood({ ...noTests, passed: 5, failed: 1 })).toBe(false);
    expect(isGood({ ...noTests, passed: 5, skipped: 3 })).toBe(true);
  });

  it("reads a report, todo tests as skipped", () => {
    expect(parseReport(report({ numPassedTests: 5, numPendingTests: 1, numTodoTests: 1 }))).toEqual({
      ...noTests,
      passed: 5,
      skipped: 2,
    });
  });

  it("counts a file that could not be loaded as a failure", () => {
    expect(parseReport(report({ numPassedTests: 5, numFailedTestSuites: 1 }))).toEqual({
      ...noTests,
      passed: 5,
      failed: 1,
    });
  });

  it("names what failed above the totals, without stack traces, and passed tests not at all", () => {
    const testResults = [
      {
        name: "/somewhere/test/e2e/order.test.ts",
        message: "",
        assertionResults: [
          { fullName: "an order is paid", status: "passed", failureMessages: [] },
          {
            fullName: "an order is lost",
            status: "failed",
            failureMessages: ["Error: it was not\nlost\n    at order.test.ts:1:1"],
          },
        ],
      },
      { name: "/somewhere/broken.test.ts", message: "SyntaxError: no", assertionResults: [] },
    ];
    const totals = parseReport(
      report({ numPassedTests: 1, numFailedTests: 1, numFailedTestSuites: 2, testResults }),
    );
    expect(describeTotals(totals).split("\n")).toEqual([
      "FAILED order.test.ts: an order is lost: Error: it was not",
      "lost",
      "FAILED broken.test.ts: SyntaxError: no",
      "1 passed, 1 failed",
    ]);
  });

  it("refuses what is no report", () => {
    expect(() => parseReport("{}")).toThrow("numPassedTests");
  });
});
