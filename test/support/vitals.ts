/** A machine that is well, with what a test wants to be different. */
import type { Vitals } from "../../reconciler/health/vitals.ts";

export type VitalsChange = {
  gateway?: Partial<Vitals["gateway"]>;
  proxy?: Partial<Vitals["proxy"]>;
  freeMb?: number;
  inodesFree?: number;
  availableMb?: number;
  swapFreeMb?: number;
  load15?: number;
  messages?: Vitals["messages"];
};

export function vitalsOf(change: VitalsChange = {}): Vitals {
  return {
    gateway: {
      unit: "active",
      upSeconds: 3600,
      restarts: 0,
      answer: "started",
      version: "2026.9.6",
      ...change.gateway,
    },
    proxy: { unit: "active", listens: true, ...change.proxy },
    disk: {
      totalMb: 38_000,
      freeMb: change.freeMb ?? 30_000,
      inodes: 2_400_000,
      inodesFree: change.inodesFree ?? 2_300_000,
    },
    memory: {
      totalMb: 3800,
      availableMb: change.availableMb ?? 2400,
      swapTotalMb: 2048,
      swapFreeMb: change.swapFreeMb ?? 2048,
    },
    load: { one: 0.2, fifteen: change.load15 ?? 0.1, cpus: 2 },
    uptimeSeconds: 7200,
    restartRequired: false,
    ...(change.messages ? { messages: change.messages } : {}),
  };
}
