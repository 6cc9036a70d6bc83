/** What comes in by the month, what the servers cost, and whether one runs that nobody pays for. */
import { describeAge } from "../cli/table.ts";
import { describeAmounts } from "../money/amounts.ts";
import type { PlanMoney } from "../money/reckon.ts";
import type { MoneyAnswer } from "../operators/money.ts";
import { Frame, type Viewer } from "./frame.tsx";
import { Ago, Scroll } from "./parts.tsx";

type Sums = Omit<PlanMoney, "plan">;

const columns: readonly [title: string, value: (sums: Sums) => number | string][] = [
  ["Paying", ({ paying }) => paying],
  ["Trial", ({ trial }) => trial],
  ["Late", ({ late }) => late],
  ["Once", ({ once }) => once],
  ["Given", ({ given }) => given],
  ["Grace", ({ grace }) => grace],
  ["Servers", ({ servers }) => servers],
  ["Revenue", ({ revenue }) => describeAmounts(revenue)],
  ["Cost", ({ cost }) => describeAmounts(cost)],
  ["Margin", ({ margin }) => describeAmounts(margin)],
];

export function MoneyPage({ viewer, money }: { viewer: Viewer; money: MoneyAnswer }) {
  const { plans, total, snapshots, unpaid, missingRates, unknown } = money;
  return (
    <Frame title="Money" here="money" viewer={viewer}>
      <h1>Money</h1>
      <Unpaid unpaid={unpaid} />
      <Scroll label="Money by plan">
        <table>
          <thead>
            <tr>
              <th scope="col">Plan</th>
              {columns.map(([title]) => (
                <th scope="col" class="number">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {plans.map(({ plan, ...sums }) => (
              <Row name={plan} sums={sums} />
            ))}
            <Row name="all" sums={total} />
          </tbody>
        </table>
      </Scroll>
      <p>
        Snapshots of archived assistants: {snapshots.count}, {describeAmounts(snapshots.cost)}.
      </p>
      <WithoutRevenue costly={money.withoutRevenue} now={viewer.now} />
      {missingRates.length === 0 ? null : (
        <p>
          The margin is in several currencies, as no rate is set for {missingRates.join(", ")} (
          <code>CLAWFLEET_EXCHANGE_RATES</code>).
        </p>
      )}
      {unknown.length === 0 ? null : <p>Not in the sums, price unknown: {unknown.join(", ")}.</p>}
      <ReadAt money={money} now={viewer.now} />
      <p class="muted">By the month, net, at list prices: promotion codes, tax and fees are not in it.</p>
    </Frame>
  );
}

function Row({ name, sums }: { name: string; sums: Sums }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      {columns.map(([, value]) => (
        <td class="number">{value(sums)}</td>
      ))}
    </tr>
  );
}

function Unpaid({ unpaid }: Pick<MoneyAnswer, "unpaid">) {
  if (unpaid.length === 0) return <p>No server runs that nobody pays for.</p>;
  return (
    <section class="why" data-status="parked" aria-labelledby="unpaid-title">
      <h2 id="unpaid-title">Servers that nobody pays for</h2>
      <ul class="plain">
        {unpaid.map(({ account, name, why }) => (
          <li>
            <code>{name}</code> in {account}: {why}
          </li>
        ))}
      </ul>
    </section>
  );
}

function WithoutRevenue({ costly, now }: { costly: MoneyAnswer["withoutRevenue"]; now: Date }) {
  if (costly.length === 0) return <p>Nobody costs money without bringing any for a month or longer.</p>;
  return (
    <section aria-labelledby="costly-title">
      <h2 id="costly-title">A month and longer without revenue</h2>
      <ul class="plain">
        {costly.map(({ slug, why, since, cost }) => (
          <li>
            <a href={`/console/instances/${slug}`}>{slug}</a>: {why}, for {describeAge(since, now)};{" "}
            {describeAmounts(cost)} a month
          </li>
        ))}
      </ul>
    </section>
  );
}

function ReadAt({ money, now }: { money: MoneyAnswer; now: Date }) {
  const accounts = Object.entries(money.readAt);
  if (accounts.length === 0)
    return <p class="error">No account has been read yet: no worker has its tokens.</p>;
  return (
    <p class="muted">
      Servers as read:{" "}
      {accounts.map(([account, at], index) => (
        <>
          {index === 0 ? "" : ", "}
          {account} <Ago at={at} now={now} />
        </>
      ))}
      .
    </p>
  );
}
