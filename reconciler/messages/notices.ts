/** From counted alerts to what operators read: each once a window, few at a time, nothing lost. Pure. */
import type { UntoldAlert } from "../db/alerts.ts";
import { textsOf } from "./alerts.ts";
import { oneLine } from "./one-line.ts";

export type Notice = { subject: string; text: string };

/** An alert is told at once, then not within this time; a summary follows. One that goes on is told ever less often. */
export const firstWindowSeconds = 3600;
const longestWindowSeconds = 24 * 3600;
/** Of all alerts together. */
export const noticesPerHour = 20;
/** More at one look become one notice. */
const mostSingly = 5;
const mostLines = 15;
const messageLength = 600;

/** `room`: how many notices the rate limit still allows; with none everything waits and is counted. */
export function composeNotices(untold: readonly UntoldAlert[], room: number): Notice[] {
  if (room <= 0 || untold.length === 0) return [];
  if (untold.length <= Math.min(room, mostSingly)) return untold.map(toNotice);
  return [toDigest(untold)];
}

/** How long the same alert is silent after it was told now. */
export function nextWindowSeconds({ toldAt, windowSeconds }: UntoldAlert, now: Date): number {
  if (!toldAt) return firstWindowSeconds;
  const quietSeconds = (now.getTime() - toldAt.getTime()) / 1000 - windowSeconds;
  if (quietSeconds >= firstWindowSeconds) return firstWindowSeconds;
  return Math.min(longestWindowSeconds, windowSeconds * 2);
}

function toNotice(alert: UntoldAlert): Notice {
  const { title, remedy } = textsOf(alert.kind);
  const lines = [
    `${title}${alert.about === "" ? "" : `: ${oneLine(alert.about, 80)}`}`,
    oneLine(alert.message, messageLength),
    ...(remedy === "" ? [] : [`What to do: ${remedy}`]),
    ...(alert.untold > 1 ? [`${alert.untold} times since ${toMinute(alert.toldAt ?? alert.firstAt)}`] : []),
  ];
  return { subject: `alert:${alert.kind}:${alert.about}`, text: lines.join("\n") };
}

function toDigest(untold: readonly UntoldAlert[]): Notice {
  const lines = untold.slice(0, mostLines).map((alert) => {
    const times = alert.untold > 1 ? ` (${alert.untold} times)` : "";
    return `- ${textsOf(alert.kind).title}: ${oneLine(alert.message, 160)}${times}`;
  });
  const left = untold.length - lines.length;
  const rest = left > 0 ? [`and ${left} more: see the service's log`] : [];
  return {
    subject: "alert:digest",
    text: [`${untold.length} conditions to look at`, ...lines, ...rest].join("\n"),
  };
}

function toMinute(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
