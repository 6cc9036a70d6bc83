/** The storm as a list: the same seed gives the same steps in the same order. Pure. */
import { createRandom, type Random } from "../sandbox/hetzner/random.ts";
import { providerNames, type ProviderName } from "../sandbox/providers/providers.ts";

/** `share`, 0 to 1, picks one of those that there are at that moment. */
export type Kill =
  /** `whole`: with everything that it started, as a machine's death or systemd's control group does. */
  | { kind: "worker"; index: number; whole: boolean }
  | { kind: "engine"; share: number }
  | { kind: "runner"; share: number }
  | { kind: "provider"; name: ProviderName }
  | { kind: "database" };

export const clouds = ["hetzner", "cloudflare", "stripe"] as const;
export type CloudName = (typeof clouds)[number];

/** How a request goes wrong: `after` is the one that makes orphans. */
export const mishaps = ["refused", "cut-before", "cut-after", "failed-after", "throttled", "slow"] as const;
export type Mishap = (typeof mishaps)[number];

export type Fault =
  | { kind: "request"; cloud: CloudName; verb: "any" | "read" | "write"; mishap: Mishap; skip: number }
  | { kind: "action"; command: string; how: "fails" | "hangs" }
  | { kind: "no-capacity"; times: number }
  | { kind: "machine"; how: "cut-before" | "cut-after" | "fail" | "slow" }
  | { kind: "webhooks"; how: "lost" | "doubled" | "shuffled" | "plain" };

export const drifts = [
  "record-removed",
  "record-changed",
  "firewall-opened",
  "firewall-gone",
  "labels-changed",
  "server-gone",
  "detached",
] as const;
export type Drift = (typeof drifts)[number];

export const overrideKinds = ["plan", "version", "firewall", "location", "none"] as const;
export type OverrideKind = (typeof overrideKinds)[number];

export type Work =
  | { kind: "order"; slug: string; plan: PlanName }
  | { kind: "change-plan"; share: number }
  | { kind: "override"; share: number; what: OverrideKind }
  | { kind: "cancel"; share: number }
  | { kind: "suspend"; share: number; status: "unpaid" | "paused" }
  | { kind: "resume"; share: number }
  | { kind: "drift"; share: number; what: Drift };

export type PlanName = "starter" | "pro";

export type Step = {
  /** Time after the step before, ms. */
  waitMs: number;
  act:
    | { type: "kill"; kill: Kill }
    | { type: "fault"; fault: Fault }
    | { type: "work"; work: Work }
    /** Everybody waits for the cell, so a storm over it says little about instances: most let it come up first. */
    | { type: "cell" };
};

/** Customers that come before anything is disturbed; the first of them makes the cell. */
const firstOrders = 3;
/** Share of storms that begin when the cell is up. */
const calmCells = 0.75;
const longestWaitMs = 3_500;
const actionCommands = [
  "create_server",
  "start_server",
  "attach_to_network",
  "apply_firewall",
  "set_firewall_rules",
  "change_protection",
  "change_server_type",
  "enable_backup",
  "delete_server",
] as const;

type Weighted<T> = readonly (readonly [weight: number, make: (random: Random) => T])[];

const kills: Weighted<Kill> = [
  [20, (random) => ({ kind: "worker", index: random.next() < 0.5 ? 0 : 1, whole: random.next() < 0.5 })],
  [35, (random) => ({ kind: "engine", share: random.next() })],
  [20, (random) => ({ kind: "runner", share: random.next() })],
  [17, (random) => ({ kind: "provider", name: pick(random, providerNames) })],
  [8, () => ({ kind: "database" })],
];

const faults: Weighted<Fault> = [
  [
    55,
    (random) => ({
      kind: "request",
      cloud: pick(random, ["hetzner", "hetzner", "hetzner", "cloudflare", "cloudflare", "stripe"]),
      verb: pick(random, ["any", "read", "write", "write", "write"]),
      mishap: pick(random, [...mishaps, "cut-after"]),
      skip: Math.floor(random.between(0, 6)),
    }),
  ],
  [
    12,
    (random) => ({
      kind: "action",
      command: pick(random, actionCommands),
      how: pick(random, ["fails", "hangs"]),
    }),
  ],
  [4, (random) => ({ kind: "no-capacity", times: Math.ceil(random.between(0, 8)) })],
  [14, (random) => ({ kind: "machine", how: pick(random, ["cut-before", "cut-after", "fail", "slow"]) })],
  [15, (random) => ({ kind: "webhooks", how: pick(random, ["lost", "doubled", "shuffled", "plain"]) })],
];

const plans: readonly PlanName[] = ["starter", "pro"];

/** Steps of one storm with `kills` kills: each with a wait before it, and sometimes faults and work. */
export function planStorm(options: { seed: number; kills: number }): Step[] {
  const random = createRandom(options.seed);
  let orders = 0;
  const order = (): Work => {
    orders += 1;
    return { kind: "order", slug: `c${orders}`, plan: pick(random, plans) };
  };
  const works: Weighted<Work> = [
    [34, order],
    [12, () => ({ kind: "change-plan", share: random.next() })],
    [12, () => ({ kind: "override", share: random.next(), what: pick(random, overrideKinds) })],
    [20, () => ({ kind: "cancel", share: random.next() })],
    [6, () => ({ kind: "suspend", share: random.next(), status: pick(random, ["unpaid", "paused"]) })],
    [6, () => ({ kind: "resume", share: random.next() })],
    [10, () => ({ kind: "drift", share: random.next(), what: pick(random, drifts) })],
  ];
  const steps: Step[] = [];
  const add = (waitMs: number, act: Step["act"]) => void steps.push({ waitMs: Math.round(waitMs), act });
  for (let first = 0; first < firstOrders; first += 1) add(0, { type: "work", work: order() });
  if (random.next() < calmCells) add(0, { type: "cell" });
  for (let kill = 0; kill < options.kills; kill += 1) {
    if (random.next() < 0.7) add(random.between(0, 400), { type: "work", work: draw(random, works) });
    for (let more = random.next(); more < 0.6; more += 0.35)
      add(random.between(0, 300), { type: "fault", fault: draw(random, faults) });
    add(random.between(100, longestWaitMs), { type: "kill", kill: draw(random, kills) });
  }
  return steps;
}

function pick<T>(random: Random, from: readonly T[]): T {
  const one = from[Math.floor(random.next() * from.length)];
  if (one === undefined) throw new RangeError("nothing to pick from");
  return one;
}

function draw<T>(random: Random, table: Weighted<T>): T {
  const total = table.reduce((sum, [weight]) => sum + weight, 0);
  let at = random.next() * total;
  const found = table.find(([weight]) => (at -= weight) < 0) ?? table.at(-1);
  if (!found) throw new RangeError("nothing to draw from");
  return found[1](random);
}

/** One line for the journal. */
export function describeStep({ act }: Step): string {
  switch (act.type) {
    case "kill":
      return `kill ${describeKill(act.kill)}`;
    case "fault":
      return describeFault(act.fault);
    case "work":
      return describeWork(act.work);
    case "cell":
      return "let the cell come up";
  }
}

function describeKill(kill: Kill): string {
  switch (kill.kind) {
    case "worker":
      return `worker ${kill.index + 1}${kill.whole ? " with all of its processes" : " alone"}`;
    case "engine":
      return "a Pulumi CLI";
    case "runner":
      return "a runner";
    case "provider":
      return `provider server ${kill.name}`;
    case "database":
      return "PostgreSQL";
  }
}

function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case "request":
      return `${fault.cloud}: after ${fault.skip} more, a ${fault.verb} request is ${fault.mishap}`;
    case "action":
      return `hetzner: the next ${fault.command} ${fault.how}`;
    case "no-capacity":
      return `hetzner: no capacity for ${fault.times} orders`;
    case "machine":
      return `ssh: the next command is met by ${fault.how}`;
    case "webhooks":
      return `stripe: webhooks are ${fault.how}`;
  }
}

function describeWork(work: Work): string {
  switch (work.kind) {
    case "order":
      return `order ${work.slug}, ${work.plan}`;
    case "override":
      return `override: ${work.what}`;
    case "drift":
      return `drift: ${work.what}`;
    case "suspend":
      return work.status;
    case "change-plan":
    case "cancel":
    case "resume":
      return work.kind;
  }
}
