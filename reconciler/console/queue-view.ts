/** Everything that the queue's page shows, read at once. */
import type { Sql } from "postgres";
import { findHalt, type Halt } from "../db/halt.ts";
import { countJobs, listOldestJobs } from "../db/jobs.ts";
import { listPauses, type PauseRow } from "../db/pauses.ts";
import {
  countReasons,
  listBlocksSeen,
  listConverges,
  type BlockSeen,
  type QueuedConverge,
} from "../db/queue-view.ts";
import { listBudgets, type BudgetSeen } from "../db/rate-budgets.ts";
import { listWorkers, type WorkerRow } from "../db/workers.ts";
import { readCells, type CellsAnswer } from "../operators/cells.ts";
import { queueNames } from "../queue/jobs.ts";

export type JobCount = {
  queue: string;
  running: number;
  waiting: number;
  oldestSeconds: number | undefined;
};

export type QueueView = CellsAnswer & {
  jobs: JobCount[];
  reasons: { reason: string; count: number }[];
  converges: QueuedConverge[];
  budgets: BudgetSeen[];
  /** `where`: the accounts of a token, or the cell. */
  blocks: (BlockSeen & { where: string })[];
  workers: WorkerRow[];
  pauses: PauseRow[];
  /** Every removal is stopped. */
  halt: Halt | undefined;
};

const shown = 50;

export async function readQueueView(sql: Sql): Promise<QueueView> {
  const [counts, oldest, reasons, converges] = await Promise.all([
    countJobs(sql),
    listOldestJobs(sql),
    countReasons(sql),
    listConverges(sql, shown),
  ]);
  const [budgets, blocks, workers, pauses, cells, halt] = await Promise.all([
    listBudgets(sql),
    listBlocksSeen(sql),
    listWorkers(sql),
    listPauses(sql),
    readCells(sql),
    findHalt(sql),
  ]);
  const count = (queue: string, state: string) =>
    counts.find((one) => one.queue === queue && one.state === state)?.count ?? 0;
  return {
    ...cells,
    jobs: queueNames.map((queue) => ({
      queue,
      running: count(queue, "running"),
      waiting: count(queue, "waiting"),
      oldestSeconds: oldest.find((one) => one.queue === queue)?.seconds,
    })),
    reasons,
    converges,
    budgets,
    blocks: blocks.map((block) => ({ ...block, where: nameScope(block, budgets) })),
    workers,
    pauses,
    halt,
  };
}

/** The scope of a cloud's block is the key of a token's budget, which tells people nothing. */
function nameScope({ scope }: BlockSeen, budgets: readonly BudgetSeen[]): string {
  const budget = budgets.find(({ tokenKey }) => tokenKey === scope);
  return budget && budget.accounts.length > 0 ? `account ${budget.accounts.join(", ")}` : scope;
}
