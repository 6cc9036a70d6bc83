/** Proves that durations follow their profile, repeat with their seed, and that a held clock holds the scheduler. */
import { describe, expect, it } from "vitest";
import { createRandom } from "../sandbox/hetzner/random.ts";
import { createScheduler } from "../sandbox/hetzner/scheduler.ts";
import { drawActionMs, fixedTiming, scaleTiming, toTimingProfile } from "../sandbox/hetzner/timing.ts";
import { createHeldClock } from "../support/hetzner.ts";

describe("timing", () => {
  it("is zero for every action when instant", () => {
    const random = createRandom(1);
    expect(drawActionMs(toTimingProfile("instant"), "create_server", random)).toBe(0);
    expect(drawActionMs(toTimingProfile("instant"), "anything", random)).toBe(0);
  });

  it("creates most servers realistically within 20 seconds and a few much later", () => {
    const random = createRandom(7);
    const profile = toTimingProfile("realistic");
    const times = Array.from({ length: 2_000 }, () => drawActionMs(profile, "create_server", random));
    const share = (from: number, to: number): number =>
      times.filter((ms) => ms >= from && ms < to).length / 2_000;
    expect(share(0, 20_000)).toBeGreaterThan(0.75);
    expect(share(50_000, 300_000)).toBeGreaterThan(0.02);
    expect(share(600_000, 900_000)).toBeGreaterThan(0.002);
  });

  it("repeats with the same seed", () => {
    const profile = toTimingProfile("realistic");
    const run = (seed: number): number[] => {
      const random = createRandom(seed);
      return Array.from({ length: 20 }, () => drawActionMs(profile, "create_image", random));
    };
    expect(run(5)).toEqual(run(5));
    expect(run(5)).not.toEqual(run(6));
  });

  it("can be scaled and fixed", () => {
    const random = createRandom(1);
    expect(drawActionMs(fixedTiming({ create_image: 500 }), "create_image", random)).toBe(500);
    expect(drawActionMs(fixedTiming({ create_image: 500 }), "start_server", random)).toBe(0);
    expect(drawActionMs(scaleTiming(fixedTiming({ create_image: 500 }), 0.1), "create_image", random)).toBe(
      50,
    );
  });
});

describe("scheduler", () => {
  it("runs nothing before its time and everything in order after it", () => {
    const clock = createHeldClock();
    const scheduler = createScheduler(clock.now);
    const ran: string[] = [];
    scheduler.after(200, () => ran.push("late"));
    scheduler.after(100, () => {
      ran.push("early");
      scheduler.after(0, () => ran.push("child"));
    });
    scheduler.runDue();
    expect(ran).toEqual([]);
    clock.move(100);
    scheduler.runDue();
    expect(ran).toEqual(["early", "child"]);
    clock.move(100);
    scheduler.runDue();
    expect(ran).toEqual(["early", "child", "late"]);
  });

  it("runs nothing any more once closed, and waits for work in progress", async () => {
    const clock = createHeldClock();
    const scheduler = createScheduler(clock.now);
    const ran: string[] = [];
    scheduler.after(0, () => ran.push("never"));
    const { promise, resolve: finish } = Promise.withResolvers<void>();
    scheduler.track(promise.then(() => ran.push("work")));
    const closing = scheduler.close(5_000);
    scheduler.runDue();
    finish();
    await closing;
    expect(ran).toEqual(["work"]);
  });
});
