/** `fleet money`: what comes in, what it costs, what is left. */
import { describeAmounts, type Amounts } from "../money/amounts.ts";
import type { PlanMoney } from "../money/reckon.ts";
import { unwrap } from "./client.ts";
import { exitCodes, printJson, type CommandIo, type ExitCode, type JsonOption } from "./io.ts";
import { describeAge, renderTable, type Column } from "./table.ts";

const count = (title: string, value: (row: PlanMoney) => number): Column<PlanMoney> => ({
  title,
  value: (row) => String(value(row)),
  align: "right",
});
const money = (title: string, value: (row: PlanMoney) => Amounts): Column<PlanMoney> => ({
  title,
  value: (row) => describeAmounts(value(row)),
  align: "right",
});
const columns: Column<PlanMoney>[] = [
  { title: "PLAN", value: ({ plan }) => plan },
  count("PAYING", (row) => row.paying),
  count("TRIAL", (row) => row.trial),
  count("LATE", (row) => row.late),
  count("ONCE", (row) => row.once),
  count("GIVEN", (row) => row.given),
  count("GRACE", (row) => row.grace),
  count("SERVERS", (row) => row.servers),
  money("REVENUE", (row) => row.revenue),
  money("COST", (row) => row.cost),
  money("MARGIN", (row) => row.margin),
];

export async function moneyCommand(io: CommandIo, options: JsonOption): Promise<ExitCode> {
  const { money: answer } = await unwrap(io.client.money.$get());
  if (options.json) {
    printJson(io, answer);
    return answer.unpaid.length === 0 ? exitCodes.ok : exitCodes.failed;
  }
  io.print(renderTable(columns, [...answer.plans, { plan: "all", ...answer.total }]));
  const { snapshots, unpaid, withoutRevenue, missingRates, unknown, readAt } = answer;
  io.print(`snapshots: ${snapshots.count}, ${describeAmounts(snapshots.cost)}`);
  io.print(`unpaid servers: ${unpaid.length}`);
  for (const { account, name, why } of unpaid) io.print(`  ${name} in ${account}: ${why}`);
  io.print(`a month and longer without revenue: ${withoutRevenue.length}`);
  for (const { slug, why, since, cost } of withoutRevenue)
    io.print(`  ${slug}: ${why}, for ${describeAge(since, io.now())}, ${describeAmounts(cost)} a month`);
  if (missingRates.length > 0)
    io.note(
      `margin in several currencies; for one: CLAWFLEET_EXCHANGE_RATES=${missingRates.map((rate) => `${rate}=…`).join(",")}`,
    );
  for (const what of unknown) io.note(`not in the sums, price unknown: ${what}`);
  const ages = Object.entries(readAt).map(([account, at]) => `${account} ${describeAge(at, io.now())} ago`);
  io.note(
    ages.length === 0
      ? "no account has been read yet: no worker has its tokens"
      : `servers as read: ${ages.join(", ")}`,
  );
  io.note("by the month, net, at list prices: promotion codes, tax and fees are not in it");
  return unpaid.length === 0 ? exitCodes.ok : exitCodes.failed;
}
