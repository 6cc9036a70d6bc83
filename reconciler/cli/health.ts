/** How an instance is, as lines of `fleet show`. Pure. */
import type { FleetHealth } from "../db/fleet.ts";
import { describeAge } from "./table.ts";

const share = (free: number, total: number) =>
  total > 0 ? `${Math.round((1 - free / total) * 100)} %` : "?";

export function describeHealth(health: FleetHealth | null, now: Date): [string, string][] {
  if (health === null) return [["health", "not read yet"]];
  const since = health.since === null ? "" : ` for ${describeAge(health.since, now)}`;
  const facts: [string, string][] = [
    [
      "health",
      [
        `${health.verdict}${since}, read ${describeAge(health.probedAt, now)} ago`,
        health.detail,
        health.step === null ? null : `last help: ${health.step}`,
        health.needsPerson ? "needs a person" : null,
      ]
        .filter((part) => part !== null)
        .join("; "),
    ],
  ];
  const { count, limit } = health.messages;
  facts.push(["messages", `${count}${limit === null ? "" : ` of ${limit}`} this month`]);
  const { vitals } = health;
  if (vitals === null) return facts;
  const { disk, memory, load, gateway } = vitals;
  facts.push([
    "machine",
    [
      `openclaw ${gateway.version ?? gateway.answer}`,
      `disk ${share(disk.freeMb, disk.totalMb)} of ${Math.round(disk.totalMb / 1024)} GB`,
      `memory ${share(memory.availableMb, memory.totalMb)} of ${(memory.totalMb / 1024).toFixed(1)} GB`,
      `load ${load.one.toFixed(2)} on ${load.cpus}`,
      ...(vitals.restartRequired ? ["waits for its nightly restart"] : []),
      ...health.warnings.map((warning) => `WARNING: ${warning}`),
    ].join(", "),
  ]);
  return facts;
}
