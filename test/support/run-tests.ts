/** `make test`: every check and every test; the last line holds the totals of all of them. */
import { checks, runCheck, runTests } from "./commands.ts";
import { withScratchTmp } from "./scratch-tmp.ts";
import { addTotals, describeTotals, isGood, noTests } from "./totals.ts";

const totals = await withScratchTmp(async () => {
  let sum = noTests;
  for (const check of checks) sum = addTotals(sum, await runCheck(check));
  for (const project of ["unit", "integration", "e2e"]) sum = addTotals(sum, await runTests([project]));
  return sum;
});
process.stdout.write(`\n${describeTotals(totals)}\n`);
process.exitCode = isGood(totals) ? 0 : 1;
