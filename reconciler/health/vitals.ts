/** What a machine says of itself, and what that means: well, on its way, or ill; and what may run out soon. Pure. */
import { z } from "zod";

const megabytes = z.number().min(0);

/** As `cloud-init/remote/probe.mjs` prints it. */
export const vitalsSchema = z.object({
  gateway: z.object({
    /** systemd's word. */
    unit: z.string().max(40),
    /** Since the unit started; null while it does not run. */
    upSeconds: z.number().min(0).nullable(),
    /** How often systemd has started it by itself since somebody started it; null where it cannot be told. */
    restarts: z.number().int().min(0).nullable(),
    /** The gateway's own word: `started`, `starting`, `draining`; `none` when nothing answers. */
    answer: z.string().max(40),
    version: z.string().max(40).optional(),
    reason: z.string().max(200).optional(),
  }),
  proxy: z.object({ unit: z.string().max(40), listens: z.boolean() }),
  disk: z.object({ totalMb: megabytes, freeMb: megabytes, inodes: z.number(), inodesFree: z.number() }),
  memory: z.object({
    totalMb: megabytes,
    availableMb: megabytes,
    swapTotalMb: megabytes,
    swapFreeMb: megabytes,
  }),
  load: z.object({ one: z.number(), fifteen: z.number(), cpus: z.number().min(1) }),
  uptimeSeconds: z.number().min(0),
  /** A security update waits for a restart. */
  restartRequired: z.boolean(),
  /** What the assistant answered, by day (UTC); absent where it cannot be told. */
  messages: z
    .array(z.object({ day: z.iso.date(), count: z.number().int().min(0).max(2_147_483_647) }))
    .max(2)
    .optional(),
});
export type Vitals = z.infer<typeof vitalsSchema>;

export const troubles = [
  "unreachable",
  "gateway-down",
  "gateway-deaf",
  "gateway-crashing",
  "gateway-stuck",
  "proxy-down",
] as const;
export type Trouble = (typeof troubles)[number];

/** `busy`: it starts, ends, or was started by systemd a moment ago, which speaks neither for it nor against it. */
export type Reading =
  | { kind: "well"; vitals: Vitals }
  | { kind: "busy"; vitals: Vitals }
  | { kind: "ill"; trouble: Trouble; detail: string; vitals?: Vitals };

/** No start takes that long: 12-22 s were measured, and 75 s on a machine that ten others shared. */
const startGraceSeconds = 120;

export function toReading(vitals: Vitals): Reading {
  const { gateway, proxy } = vitals;
  const young = gateway.upSeconds !== null && gateway.upSeconds < startGraceSeconds;
  if (gateway.answer !== "started") {
    // What drains ends by itself, and its unit with it; `judge` says when that takes too long.
    if (young || gateway.answer === "draining") return { kind: "busy", vitals };
    const why = gateway.reason === undefined ? "" : ` (${gateway.reason})`;
    if (gateway.unit !== "active" && gateway.unit !== "activating")
      return { kind: "ill", trouble: "gateway-down", detail: `its unit is ${gateway.unit}`, vitals };
    return { kind: "ill", trouble: "gateway-deaf", detail: `it lives and does not answer${why}`, vitals };
  }
  if (!proxy.listens)
    return {
      kind: "ill",
      trouble: "proxy-down",
      detail: `nobody listens on 443, caddy is ${proxy.unit}`,
      vitals,
    };
  // It died a moment ago: one that dies again and again answers in between.
  if (young && (gateway.restarts ?? 0) > 0) return { kind: "busy", vitals };
  return { kind: "well", vitals };
}

export const warnings = ["disk", "memory", "load"] as const;
export type Warning = (typeof warnings)[number];

/** Comes at `from` and goes below `until`, so that a value at the edge says it once. Shares of what there is. */
const thresholds: Record<Warning, { from: number; until: number }> = {
  disk: { from: 0.85, until: 0.8 },
  memory: { from: 0.95, until: 0.9 },
  /** Processes that wanted to run, by processor, over fifteen minutes. */
  load: { from: 4, until: 2 },
};

export function findWarnings(vitals: Vitals, before: readonly Warning[]): Warning[] {
  const levels = levelsOf(vitals);
  return warnings.filter((kind) => {
    const { from, until } = thresholds[kind];
    return levels[kind] >= (before.includes(kind) ? until : from);
  });
}

export function describeWarning(kind: Warning, vitals: Vitals): string {
  const level = levelsOf(vitals)[kind];
  switch (kind) {
    case "disk":
      return `its disk is ${Math.round(level * 100)} % full, ${vitals.disk.freeMb} MB are left`;
    case "memory":
      return `${vitals.memory.availableMb} MB of memory and ${vitals.memory.swapFreeMb} MB of swap are left`;
    case "load":
      return `${level.toFixed(1)} processes for each processor want to run`;
  }
}

/** Swap counts as memory: on the smallest server it is meant for the worst minutes. */
function levelsOf({ disk, memory, load }: Vitals): Record<Warning, number> {
  const memoryMb = memory.totalMb + memory.swapTotalMb;
  return {
    disk: Math.max(usedShare(disk.freeMb, disk.totalMb), usedShare(disk.inodesFree, disk.inodes)),
    memory: usedShare(memory.availableMb + memory.swapFreeMb, memoryMb),
    load: load.fifteen / load.cpus,
  };
}

/** Some file systems count no inodes. */
function usedShare(free: number, total: number): number {
  return total > 0 ? 1 - free / total : 0;
}
