/** `fleet money`: what comes in, what it costs, what is left. */
import type { Amounts, PlanMoney } from "../money/reckon.ts";
import { describeAmount } from "../web/money.ts";
import { unwrap } from "./client.ts";
import { exitCodes, type CommandIo, type ExitCode } from "./commands.ts";
import { describeAge, renderTable, type Column } from "./table.ts";

const count = (title: string, value: (row: PlanMoney) => number): Column<PlanMoney> => ({
  title,
  value: (row) => String(value(row)),
  align: "right",
});
const money = (title: string, value: (row: PlanMoney) => Amounts | null): Column<PlanMoney> => ({
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

export async function moneyCommand(io: CommandIo, options: { json?: boolean }): Promise<ExitCode> {
  const { money: answer } = await unwrap(io.client.money.$get());
  if (options.json) {
    io.print(JSON.stringify(answer, null, 2));
    return answer.unpaid.length === 0 ? exitCodes.ok : exitCodes.failed;
  }
  io.print(renderTable(columns, [...answer.plans, { plan: "all", ...answer.total }]));
  const { snapshots, unpaid, unknown, readAt } = answer;
  io.print(`snapshots: ${snapshots.count}, ${describeAmounts(snapshots.cost)}`);
  io.print(`unpaid servers: ${unpaid.length}`);
  for (const { account, name, why } of unpaid) io.print(`  ${name} in ${account}: ${why}`);
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

function describeAmounts(amounts: Amounts | null): string {
  if (amounts === null) return "?";
  const parts = Object.entries(amounts).map(([currency, amount]) => describeAmount(amount, currency));
  return parts.join(" + ") || "0";
}
