/** `make check`: format, lint, types and unit tests, in under 30 s. */
import { checks, runCheck, runTests } from "./commands.ts";
import { addTotals, describeTotals, isGood, noTests } from "./totals.ts";

const results = await Promise.all([...checks.map(runCheck), runTests(["unit"])]);
const totals = results.reduce(addTotals, noTests);
process.stdout.write(`${describeTotals(totals)}\n`);
process.exitCode = isGood(totals) ? 0 : 1;
