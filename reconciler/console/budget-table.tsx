/** What each token may still ask of its cloud, and whether the way there is open. */
import type { BudgetSeen } from "../db/rate-budgets.ts";
import { Scroll } from "./parts.tsx";

export function BudgetTable({ budgets }: { budgets: readonly BudgetSeen[] }) {
  return (
    <section aria-labelledby="budgets-title">
      <h2 id="budgets-title">Request budgets</h2>
      {budgets.length === 0 ? (
        <p class="muted">Nobody has asked a cloud yet.</p>
      ) : (
        <Scroll label="Request budgets">
          <table>
            <thead>
              <tr>
                <th scope="col">Cloud</th>
                <th scope="col">Accounts</th>
                <th scope="col">Left</th>
                <th scope="col" class="number">
                  Requests
                </th>
                <th scope="col">Breaker</th>
              </tr>
            </thead>
            <tbody>
              {budgets.map(({ cloud, accounts, limit, remaining, breaker }) => {
                const left = Math.max(0, Math.floor(remaining));
                return (
                  <tr>
                    <th scope="row">{cloud}</th>
                    <td>{accounts.join(", ")}</td>
                    <td>
                      <meter
                        min={0}
                        max={limit}
                        value={left}
                        low={limit * 0.1}
                        high={limit * 0.3}
                        optimum={limit}
                        aria-label={`${cloud}: ${left} of ${limit} left`}
                      />
                    </td>
                    <td class="number">
                      {left.toLocaleString("en")} of {limit.toLocaleString("en")}
                    </td>
                    <td>
                      <span class="badge" data-status={breaker === "closed" ? "ready" : "parked"}>
                        {breaker}
                      </span>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </Scroll>
      )}
    </section>
  );
}
