/**
 * Proves with a year of customers by a moved clock, a sweep a day and no webhook, that what was served is what was paid for,
 * within one sweep at each beginning and end. Fewer of them than `npm run bench -- billing` has, and converges end at once here.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { measureYear } from "../bench/year.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

test("a year's ledger balances: time paid for is time served", { timeout: 300_000 }, async () => {
  const figures = new Map<string, number>();
  const reporter = {
    say: () => undefined,
    report: (figure: { case: string; value: number }) => void figures.set(figure.case, figure.value),
  };
  await measureYear(reporter, database, 60);
  expect(figures.get("year paid")).toBeGreaterThan(3000);
  expect(figures.get("year customers off by more than a sweep a time of running")).toBe(0);
  expect(figures.get("year unpaid")).toBe(0);
  const difference = Math.abs((figures.get("year paid") ?? 0) - (figures.get("year served") ?? 0));
  expect(difference / (figures.get("year paid") ?? 1)).toBeLessThan(0.01);
});
