/** `make test`: every check and every test; the last line holds the totals of all of them. */
import { checks, runCheck, runTests } from "./commands.ts";
import { addTotals, describeTotals, isGood, noTests } from "./totals.ts";

let totals = noTests;
for (const check of checks) totals = addTotals(totals, await runCheck(check));
for (const project of ["unit", "integration", "e2e"]) totals = addTotals(totals, await runTests([project]));
process.stdout.write(`\n${describeTotals(totals)}\n`);
process.exitCode = isGood(totals) ? 0 : 1;
