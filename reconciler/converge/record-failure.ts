/** What becomes of an instance or a cell whose converge failed in a way that trying again can mend. */
import { recordWaiting } from "../db/observed.ts";
import type { Subject } from "../db/subject.ts";
import { assertNever, type Blocker, type Retry } from "../errors.ts";
import type { Gate } from "../gate/gate.ts";
import type { Reason } from "../queue/jobs.ts";
import { backoffMs } from "./backoff.ts";
import { block, type BlockDeps } from "./blocked.ts";

export type FailingRow = Subject & {
  failures: number;
  /** Of the work that is not done yet. */
  retryReason: Reason | null;
  account: string;
  cell: string;
};

export type RecordFailureDeps = BlockDeps & { gate: Pick<Gate, "budgetOf"> };

/** Tries without a pause, so that what was only unlucky costs no time. */
const triesAtOnce = 2;

export async function recordFailure(
  deps: RecordFailureDeps,
  row: FailingRow,
  failure: { retry: Exclude<Retry, { kind: "permanent" }>; message: string; reason: Reason },
): Promise<void> {
  const { retry, message, reason } = failure;
  if (retry.kind === "blocked") {
    const scope = scopeOf(deps, retry.by, row);
    return await block(deps, row, { blockedBy: retry.by, scope, message, reason });
  }
  const waitMs =
    retry.kind === "now" && row.failures < triesAtOnce
      ? 0
      : backoffMs(row.failures + 1, deps.random(), deps.retryFirstMs);
  const retryAt = new Date(deps.clock.now().getTime() + waitMs);
  await recordWaiting(deps.sql, row, { detail: message, retryAt, countsAsFailure: true, reason });
}

/** Who is ill together with it. */
function scopeOf(
  { gate }: RecordFailureDeps,
  by: Blocker,
  { account, cell }: Pick<FailingRow, "account" | "cell">,
): string {
  switch (by) {
    case "hetzner":
    case "hetzner-limit":
      return gate.budgetOf("hetzner", account);
    case "cloudflare":
    case "cloudflare-quota":
      return gate.budgetOf("cloudflare", account);
    case "cell":
      return cell;
    default:
      return assertNever(by);
  }
}
