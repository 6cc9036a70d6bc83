/** How long things take: profiles as data, drawn with the simulator's own randomness. */
import type { Random } from "./random.ts";

/** With probability `share` (relative to the others) a time between the two bounds. */
export type Span = { share: number; fromMs: number; toMs: number };

export type TimingProfile = {
  /** By action command; `default` for the rest. */
  actionMs: Record<string, Span[]>;
  /** Time until the answer of a request, by `METHOD /route`; 0 for the rest. */
  requestMs: Record<string, Span[]>;
};

export type Speed = "instant" | "realistic" | TimingProfile;

const seconds = (from: number, to: number, share = 1): Span => ({
  share,
  fromMs: from * 1000,
  toMs: to * 1000,
});

/** Actions end as soon as the event loop turns; answers still say `running`, as the real ones do. */
const instant: TimingProfile = { actionMs: { default: [seconds(0, 0)] }, requestMs: {} };

/** Reported times (facts.md section 3); Hetzner publishes none. */
const realistic: TimingProfile = {
  actionMs: {
    default: [seconds(0.3, 1.5)],
    create_server: [seconds(5, 14, 80), seconds(14, 50, 15), seconds(50, 280, 4), seconds(600, 900, 1)],
    start_server: [seconds(2, 6)],
    stop_server: [seconds(1, 5)],
    shutdown_server: [seconds(0.5, 1.5)],
    reboot_server: [seconds(0.5, 1.5)],
    reset_server: [seconds(2, 6)],
    delete_server: [seconds(1, 3)],
    rebuild_server: [seconds(10, 30)],
    change_server_type: [seconds(30, 120)],
    create_image: [seconds(45, 150)],
    attach_to_network: [seconds(1, 4)],
    detach_from_network: [seconds(1, 4)],
    create_volume: [seconds(1, 4)],
    attach_volume: [seconds(1, 4)],
    detach_volume: [seconds(1, 4)],
  },
  requestMs: { "POST /servers": [seconds(1, 3)] },
};

export function toTimingProfile(speed: Speed): TimingProfile {
  if (speed === "instant") return instant;
  return speed === "realistic" ? realistic : speed;
}

/** The same profile `factor` times as long: 0.05 plays a realistic run in a twentieth of the time. */
export function scaleTiming(profile: TimingProfile, factor: number): TimingProfile {
  const scale = (spans: Record<string, Span[]>): Record<string, Span[]> =>
    Object.fromEntries(
      Object.entries(spans).map(([key, list]) => [key, list.map((span) => scaleSpan(span))]),
    );
  const scaleSpan = (span: Span): Span => ({
    ...span,
    fromMs: span.fromMs * factor,
    toMs: span.toMs * factor,
  });
  return { actionMs: scale(profile.actionMs), requestMs: scale(profile.requestMs) };
}

/** `fixedTiming({ create_image: 60_000 })`: given commands take exactly that long, others are instant. */
export function fixedTiming(actionMs: Record<string, number>): TimingProfile {
  const exact = Object.entries(actionMs).map(([command, ms]) => [
    command,
    [{ share: 1, fromMs: ms, toMs: ms }],
  ]);
  return { actionMs: { ...instant.actionMs, ...Object.fromEntries(exact) }, requestMs: {} };
}

export function drawActionMs(profile: TimingProfile, command: string, random: Random): number {
  return draw(profile.actionMs[command] ?? profile.actionMs["default"] ?? [], random);
}

export function drawRequestMs(profile: TimingProfile, route: string, random: Random): number {
  return draw(profile.requestMs[route] ?? [], random);
}

function draw(spans: Span[], random: Random): number {
  const total = spans.reduce((sum, span) => sum + span.share, 0);
  if (total === 0) return 0;
  let at = random.next() * total;
  const span = spans.find((candidate) => (at -= candidate.share) < 0) ?? spans[spans.length - 1];
  return span === undefined ? 0 : random.between(span.fromMs, span.toMs);
}
