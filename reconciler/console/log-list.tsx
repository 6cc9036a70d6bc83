/** What was said while an operation ran, line by line; the script goes on with it (assets/console.js). */
import type { LogLine, LogPosition } from "../db/instance-facts.ts";

export function LogList({
  lines,
  live,
}: {
  lines: readonly LogLine[];
  live?: { path: string; at: LogPosition };
}) {
  return (
    <ol
      id="log"
      class="log"
      tabindex={0}
      aria-label="Log"
      data-operation={lines.at(-1)?.operation ?? live?.at.operation}
      data-events={live === undefined ? undefined : `${live.path}?after=${formatPosition(live.at)}`}
    >
      {lines.map(({ at, kind, message }) => (
        <li data-kind={kind}>
          <time datetime={at.toISOString()}>{at.toISOString().slice(11, 19)}</time>
          <span>{message}</span>
        </li>
      ))}
    </ol>
  );
}

export function formatPosition({ operation, seq }: LogPosition): string {
  return `${operation}.${seq}`;
}

/** undefined: not a position of ours. */
export function parsePosition(text: string): LogPosition | undefined {
  const match = /^(\d{1,10})\.(-1|\d{1,9})$/.exec(text);
  const [operation, seq] = [Number(match?.[1]), Number(match?.[2])];
  return match && operation <= 2_147_483_647 ? { operation, seq } : undefined;
}
