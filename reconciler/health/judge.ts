/** A reading beside those before it, which shows what a single one cannot: that it dies again and again, or never gets ready. Pure. */
import type { Reading } from "./vitals.ts";

export type Seen = {
  /** systemd's count as of the last reading that had one. */
  restarts: number | null;
  /** First of the busy readings in a row; null: the last one was not busy. */
  busySince: Date | null;
};

/** A gateway that drains ends within 330 s (TimeoutStopSec of its unit), and one that starts within 120 s. */
export const longestBusyMs = 6 * 60_000;

export function judge(before: Seen, reading: Reading, now: Date): { reading: Reading; seen: Seen } {
  const restarts = reading.vitals?.gateway.restarts ?? before.restarts;
  const busySince = reading.kind === "busy" ? (before.busySince ?? now) : null;
  const seen = { restarts, busySince };
  const { vitals } = reading;
  if (reading.kind === "ill" || vitals === undefined) return { reading, seen };

  const deaths = before.restarts === null || restarts === null ? 0 : restarts - before.restarts;
  if (deaths > 0) {
    const detail = `systemd has started it ${deaths} times since the last reading`;
    return { reading: { kind: "ill", trouble: "gateway-crashing", detail, vitals }, seen };
  }
  const busyMs = busySince === null ? 0 : now.getTime() - busySince.getTime();
  if (busyMs < longestBusyMs) return { reading, seen };
  const detail = `it says ${vitals.gateway.answer} for ${Math.round(busyMs / 60_000)} minutes`;
  return { reading: { kind: "ill", trouble: "gateway-stuck", detail, vitals }, seen };
}
