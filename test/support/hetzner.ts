/** A simulated Hetzner for one test, every answer compared with the official document when it is here. */
import { expect } from "vitest";
import { createHetznerCheck } from "../sandbox/hetzner/check.ts";
import { startHetzner, type Hetzner, type HetznerOptions } from "../sandbox/hetzner/hetzner.ts";
import { createHetznerClient, type HetznerClient } from "./hetzner-client.ts";

export type HetznerUse = { hetzner: Hetzner; client: HetznerClient };

/**
 * Starts one, runs `use`, closes it, and fails when an answer or an accepted request is not as the document
 * says. Where the document is absent the comparison does nothing.
 */
export async function withHetzner(
  options: Omit<HetznerOptions, "check">,
  use: (given: HetznerUse) => Promise<void>,
): Promise<void> {
  const check = createHetznerCheck();
  const hetzner = await startHetzner({ ...options, check: check.check });
  try {
    await use({ hetzner, client: createHetznerClient(hetzner.url, hetzner.token) });
  } finally {
    await hetzner.close();
  }
  expect(check.violations).toEqual([]);
  expect(check.requestViolations).toEqual([]);
}

/** A clock that stands still until it is moved. */
export function createHeldClock(start = "2026-11-20T12:00:00Z"): {
  now: () => Date;
  move: (ms: number) => void;
} {
  let time = Date.parse(start);
  return {
    now: () => new Date(time),
    move: (ms) => {
      time += ms;
    },
  };
}
