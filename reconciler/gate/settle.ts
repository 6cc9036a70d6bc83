/** One exchange between a holder of tokens and the shared budget: what it used, what it wants, what it gets. Pure. */
import type { CloudName } from "../cloud/http.ts";
import { askBreaker, concludeProbe, observe, type Breaker, type Verdict } from "./breaker.ts";
import { beginWindow, grant, report, type Learned, type Level, type Want } from "./level.ts";

/** Tokens that a holder may still use, or has in flight. */
export type Lease = { tokens: number; until: Date };
export type SharedBudget = Level & { breaker: Breaker; leases: ReadonlyMap<string, Lease> };

export type Report = {
  /** Requests that got their answer, or lost it, since the last report. */
  spent: number;
  /** Those of them whose answer did not say what is left. */
  unheard: number;
  learned?: Learned | undefined;
  /** In the order in which they came. */
  verdicts: readonly Verdict[];
  /** Of the request that looked whether the cloud is well. */
  probe?: Verdict | undefined;
  /** Leased and not needed. */
  givenBack: number;
};

export type Reply =
  /** `granted` may be 0 when nothing was asked for. */
  | { kind: "granted"; granted: number }
  /** The holder is the one that looks whether the cloud is well, and says so in its next report. */
  | { kind: "probe" }
  | { kind: "refused"; why: "budget" | "breaker"; waitMs: number };

export type Settled = { budget: SharedBudget; reply: Reply; healed: boolean };

/** A holder that died gives its tokens back by this; longer than the gate lets any request last. */
export const leaseMs = 5 * 60_000;

export function settle(
  cloud: CloudName,
  budget: SharedBudget,
  input: { holder: string; report: Report; want: Want | undefined; random: number },
  now: Date,
): Settled {
  const { holder, report: seen, want, random } = input;
  const others = [...budget.leases].filter(([name, lease]) => name !== holder && lease.until > now);
  const leasedByOthers = others.reduce((sum, [, lease]) => sum + lease.tokens, 0);
  const own = Math.max(0, (budget.leases.get(holder)?.tokens ?? 0) - seen.spent - seen.givenBack);
  const level = report(cloud, budget, seen, now);
  const before = budget.breaker.state;
  const breaker = observeAll(budget.breaker, seen, now, random);
  const healed = before !== "closed" && breaker.state === "closed";

  const { reply, breaker: after } = answer(
    cloud,
    { level, breaker, leased: leasedByOthers + own, want },
    now,
  );
  const tokens = own + (reply.kind === "granted" ? reply.granted : 0);
  const leases = new Map(others);
  if (tokens > 0) leases.set(holder, { tokens, until: new Date(now.getTime() + leaseMs) });
  const begun = tokens > own ? beginWindow(cloud, level) : level;
  return { budget: { ...begun, breaker: after, leases }, reply, healed };
}

function observeAll(breaker: Breaker, seen: Report, now: Date, random: number): Breaker {
  const observed = seen.verdicts.reduce((state, verdict) => observe(state, verdict, now, random), breaker);
  return seen.probe === undefined ? observed : concludeProbe(observed, seen.probe, now, random);
}

function answer(
  cloud: CloudName,
  facts: { level: Level; breaker: Breaker; leased: number; want: Want | undefined },
  now: Date,
): { reply: Reply; breaker: Breaker } {
  const { level, breaker, leased, want } = facts;
  if (want === undefined) return { reply: { kind: "granted", granted: 0 }, breaker };
  const passage = askBreaker(breaker, now);
  switch (passage.kind) {
    case "probe":
      return { reply: { kind: "probe" }, breaker: passage.breaker };
    case "wait":
      return { reply: { kind: "refused", why: "breaker", waitMs: passage.ms }, breaker };
    case "pass": {
      const { granted, waitMs } = grant(cloud, level, leased, want);
      const reply: Reply =
        granted > 0 ? { kind: "granted", granted } : { kind: "refused", why: "budget", waitMs };
      return { reply, breaker };
    }
  }
}
