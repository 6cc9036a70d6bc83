/** Proves how the request budget empties, refills and is told; the clock is held, nothing waits. */
import { expect, it } from "vitest";
import { createRateBucket, officialRateLimit } from "../sandbox/hetzner/rate-bucket.ts";
import { createHeldClock } from "../support/hetzner.ts";

function takeAll(bucket: ReturnType<typeof createRateBucket>, max: number): number {
  let taken = 0;
  while (taken < max && bucket.take()) taken += 1;
  return taken;
}

it("gives 3600 requests in a burst and then none", () => {
  const bucket = createRateBucket(officialRateLimit, createHeldClock().now);
  expect(takeAll(bucket, 5_000)).toBe(3600);
  expect(bucket.take()).toBe(false);
});

it("refills by one a second", () => {
  const clock = createHeldClock();
  const bucket = createRateBucket(officialRateLimit, clock.now);
  takeAll(bucket, 5_000);
  clock.move(999);
  expect(bucket.take()).toBe(false);
  clock.move(1);
  expect(takeAll(bucket, 10)).toBe(1);
  clock.move(10_000);
  expect(takeAll(bucket, 100)).toBe(10);
});

it("never holds more than an hour's worth", () => {
  const clock = createHeldClock();
  const bucket = createRateBucket({ perHour: 10 }, clock.now);
  clock.move(24 * 3_600_000);
  expect(takeAll(bucket, 100)).toBe(10);
});

it("says in its headers what is left and when it is full again", () => {
  const clock = createHeldClock("2026-11-20T12:00:00Z");
  const bucket = createRateBucket(officialRateLimit, clock.now);
  for (let i = 0; i < 60; i += 1) bucket.take();
  expect(bucket.headers()).toEqual({
    "RateLimit-Limit": "3600",
    "RateLimit-Remaining": "3540",
    "RateLimit-Reset": String(Date.parse("2026-11-20T12:01:00Z") / 1000),
  });
});
