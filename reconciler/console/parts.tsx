/** Small pieces that several pages show: states as sign and word, ages, pairs of facts. */
import type { Child } from "hono/jsx";
import { describeAge } from "../cli/table.ts";
import type { Verdict } from "../health/decide.ts";
import type { InstanceStatus } from "../web/order-view.ts";

/** Sign and word tell what the colour tells: some do not see it. */
const signs: Record<InstanceStatus, string> = {
  parked: "✕",
  waiting: "◔",
  converging: "◐",
  pending: "○",
  ready: "●",
  gone: "–",
};

export function Status({ status }: { status: InstanceStatus }) {
  return (
    <span class="badge" data-status={status}>
      <span aria-hidden="true">{signs[status]}</span> {status}
    </span>
  );
}

const tones: Record<Verdict, string> = { unknown: "pending", well: "ready", ill: "parked" };

export function HealthBadge({ verdict }: { verdict: Verdict }) {
  return (
    <span class="badge" data-status={tones[verdict]}>
      {verdict}
    </span>
  );
}

const outcomes: Record<string, { sign: string; status: InstanceStatus; word: string }> = {
  succeeded: { sign: "●", status: "ready", word: "succeeded" },
  unchanged: { sign: "●", status: "ready", word: "nothing to change" },
  failed: { sign: "✕", status: "parked", word: "failed" },
  interrupted: { sign: "◔", status: "waiting", word: "interrupted" },
};

export function Outcome({ outcome }: { outcome: string | null }) {
  const known = outcome === null ? undefined : outcomes[outcome];
  return (
    <span class="badge" data-status={known?.status ?? "converging"}>
      <span aria-hidden="true">{known?.sign ?? "◐"}</span> {known?.word ?? "under way"}
    </span>
  );
}

/** "3 min ago", or "in 3 min"; the exact time is in its title. */
export function Ago({ at, now }: { at: Date | string; now: Date }) {
  const iso = typeof at === "string" ? at : at.toISOString();
  const future = Date.parse(iso) > now.getTime() + 1000;
  const text = future
    ? `in ${describeAge(now.toISOString(), new Date(iso))}`
    : `${describeAge(iso, now)} ago`;
  return (
    <time datetime={iso} title={iso}>
      {text}
    </time>
  );
}

export function Facts({ facts }: { facts: readonly (readonly [name: string, value: Child])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A table that scrolls by itself where the screen is narrow; reachable by keyboard. */
export function Scroll({ label, children }: { label: string; children: Child }) {
  return (
    <div class="scroll" role="region" aria-label={label} tabindex={0}>
      {children}
    </div>
  );
}
