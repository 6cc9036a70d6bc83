/** The tokens that this process holds of one budget for one urgency: leased in small lots, used, given back. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Reason } from "../queue/jobs.ts";
import type { Exchange } from "../db/rate-budgets.ts";
import type { Verdict } from "./breaker.ts";
import type { Said, Want } from "./level.ts";
import type { Reply, Report, Settled } from "./settle.ts";

/** How a request ended. No verdict: its client left before there was an answer. */
export type Outcome = { verdict?: Verdict | undefined; said?: Said | undefined };

export type Taken =
  | { kind: "taken"; conclude(outcome: Outcome): void }
  | { kind: "refused"; why: "budget" | "breaker" | "gone"; waitMs: number };

export type Pool = {
  /** A token for one request, after at most `waitMs`; none at once when it is clear that there will be none by then. */
  take(waitMs: number, signal: AbortSignal): Promise<Taken>;
  /** Reports what was used, and gives back what nobody needed for a while. */
  tidy(): Promise<void>;
  /** Looks whether the cloud is well, if that is due and nobody else does. */
  look(): Promise<void>;
  /** Reports and gives everything back. */
  close(): Promise<void>;
};

export type PoolDeps = {
  exchange(input: Omit<Exchange, "accounts">): Promise<Settled>;
  /** Asks the cloud something cheap. */
  probe(): Promise<Verdict>;
  onHealed(): void;
  random(): number;
  holder: string;
  log: Logger;
};

type Waiter = { deadline: number; settle(taken: Taken): void };

/** Beyond what is asked for right now, while the budget has plenty. */
const lotSize = 8;
const idleMs = 2_000;
/** Well within a lease. */
const renewMs = 60_000;
const longestSleepMs = 1_000;

export function createPool(deps: PoolDeps, reason: Reason): Pool {
  const waiters: Waiter[] = [];
  let free = 0;
  let inFlight = 0;
  /** As last seen: tokens that are left from before a storm are not used in it. */
  let isClosed = true;
  let unreported = nothing();
  let lastTake = performance.now();
  let lastTalk = performance.now();
  let talking: Promise<unknown> = Promise.resolve();
  let serving: Promise<void> | undefined;

  /** One exchange at a time. What could not be reported is reported with the next one. */
  function talk(want: Want | undefined, more: { probe?: Verdict; giveBack?: boolean } = {}): Promise<Reply> {
    const turn = talking.then(async () => {
      const sent = unreported;
      unreported = nothing();
      const givenBack = more.giveBack === true ? free : 0;
      free -= givenBack;
      const report = (): Report => ({ ...toReport(sent, performance.now()), givenBack, probe: more.probe });
      try {
        const { reply, healed, budget } = await deps.exchange({
          holder: deps.holder,
          report,
          want,
          random: deps.random(),
        });
        lastTalk = performance.now();
        isClosed = budget.breaker.state === "closed";
        if (reply.kind === "granted") free += reply.granted;
        if (healed) deps.onHealed();
        return reply;
      } catch (error) {
        unreported = merge(sent, unreported);
        free += givenBack;
        throw error;
      }
    });
    talking = turn.catch(() => undefined);
    return turn;
  }

  async function probe(): Promise<void> {
    await talk(undefined, { probe: await deps.probe() });
  }

  /** Until nobody waits. */
  async function serve(): Promise<void> {
    for (let next = waiters[0]; next; next = waiters[0]) {
      if (free > 0 && isClosed) {
        waiters.shift();
        free -= 1;
        inFlight += 1;
        next.settle({ kind: "taken", conclude: createConclusion() });
        continue;
      }
      const want = { reason, needed: waiters.length, ahead: lotSize };
      const reply = await talk(want).catch((error: unknown): Reply => {
        deps.log.error({ err: error }, "the request budget cannot be read");
        return { kind: "refused", why: "budget", waitMs: longestSleepMs };
      });
      if (reply.kind === "probe") {
        await probe().catch((error: unknown) => deps.log.error({ err: error }, "a probe cannot be reported"));
      } else if (reply.kind === "refused") {
        refuseHopeless(reply.why, reply.waitMs);
        await sleep(Math.min(reply.waitMs, longestSleepMs), undefined, { ref: false });
      }
    }
  }

  function refuseHopeless(why: "budget" | "breaker", waitMs: number): void {
    const then = performance.now() + waitMs;
    const hopeless = waiters.filter(({ deadline }) => deadline < then);
    for (const waiter of hopeless) {
      waiters.splice(waiters.indexOf(waiter), 1);
      waiter.settle({ kind: "refused", why, waitMs });
    }
  }

  function createConclusion(): (outcome: Outcome) => void {
    const sentAt = performance.now();
    let concluded = false;
    return function conclude({ verdict, said }) {
      if (concluded) return;
      concluded = true;
      inFlight -= 1;
      const one: Unreported = { ...nothing(), spent: 1, unheard: said ? 0 : 1 };
      if (verdict) one.verdicts.push(verdict);
      if (said) one.learned = { ...said, sentAt, at: performance.now() };
      unreported = merge(unreported, one);
      // Others must learn of a storm before they run into it themselves.
      if (verdict?.kind === "bad" || unreported.spent > lotSize) void tell();
    };
  }

  async function tell(more: { giveBack?: boolean } = {}): Promise<void> {
    await talk(undefined, more).catch((error: unknown) =>
      deps.log.warn({ err: error }, "the use of the request budget was not reported"),
    );
  }

  return {
    take(waitMs, signal) {
      lastTake = performance.now();
      return new Promise((resolve) => {
        const leave = (): void => {
          const at = waiters.indexOf(waiter);
          if (at >= 0) waiters.splice(at, 1);
          waiter.settle({ kind: "refused", why: "gone", waitMs: 0 });
        };
        const waiter: Waiter = {
          deadline: lastTake + waitMs,
          settle: (taken) => {
            signal.removeEventListener("abort", leave);
            resolve(taken);
          },
        };
        if (signal.aborted) return leave();
        signal.addEventListener("abort", leave, { once: true });
        waiters.push(waiter);
        serving ??= serve().finally(() => {
          serving = undefined;
        });
      });
    },
    async tidy() {
      const now = performance.now();
      const isIdle = free > 0 && (now - lastTake > idleMs || !isClosed);
      const isStale = inFlight > 0 && now - lastTalk > renewMs;
      if (isIdle || isStale || unreported.spent > 0) await tell({ giveBack: isIdle });
    },
    async look() {
      const reply = await talk({ reason, needed: 1, ahead: 0 });
      if (reply.kind === "probe") await probe();
    },
    async close() {
      await talking;
      if (free > 0 || unreported.spent > 0) await tell({ giveBack: true });
    },
  };
}

type Unreported = {
  spent: number;
  unheard: number;
  learned: (Said & { sentAt: number; at: number }) | undefined;
  verdicts: Verdict[];
};

function nothing(): Unreported {
  return { spent: 0, unheard: 0, learned: undefined, verdicts: [] };
}

/** Answers overtake one another: of what they said in one go the least counts. */
function merge(earlier: Unreported, later: Unreported): Unreported {
  const least = Math.min(earlier.learned?.remaining ?? Infinity, later.learned?.remaining ?? Infinity);
  const sentAt = Math.max(earlier.learned?.sentAt ?? 0, later.learned?.sentAt ?? 0);
  const learned = later.learned ?? earlier.learned;
  return {
    spent: earlier.spent + later.spent,
    unheard: earlier.unheard + later.unheard,
    learned: learned && { ...learned, sentAt, remaining: least },
    verdicts: [...earlier.verdicts, ...later.verdicts],
  };
}

function toReport({ learned, ...rest }: Unreported, now: number): Omit<Report, "givenBack" | "probe"> {
  if (!learned) return rest;
  const { at, sentAt, ...said } = learned;
  return { ...rest, learned: { ...said, ageMs: now - at, sentAgeMs: now - sentAt } };
}
