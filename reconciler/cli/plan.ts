/** `fleet plan` and `fleet git`: what a change of stacks/ would do, and what became of the commits. */
import type { GitAnswer, PlanAnswer } from "../operators/plans.ts";
import { countSteps, type CustomerPlan } from "../gitops/plan.ts";
import { describeSetting } from "../gitops/setting-changes.ts";
import {
  createGit,
  isAncestor,
  mergeTree,
  readChanges,
  resolveCommit,
  type Git,
  type Texts,
} from "../gitops/git.ts";
import { FleetRequestError, unwrap } from "./client.ts";
import { exitCodes, printJson, type CommandIo, type ExitCode, type JsonOption } from "./io.ts";
import { renderTable, type Column } from "./table.ts";

export const planFormats = ["table", "markdown", "json"] as const;
export type PlanOptions = {
  /** Absent: the commit that the fleet is at. */
  base?: string;
  head: string;
  /** Request that this is the review of. */
  request?: number;
  label: readonly string[];
  /** Folder of the repository that holds the files. */
  folder: string;
  /** Minutes; what is under way then goes on, and the same command waits on. */
  wait: number;
  format: (typeof planFormats)[number];
};

const pollMs = 1000;
/** In a log of CI nobody sees the line that a terminal shows. */
const noteEveryMs = 60_000;

type Complete = Extract<PlanAnswer, { complete: true }>;

/** `environment`: of git. Exit code `failed` when something stands in the way of applying it. */
export async function planCommand(
  io: CommandIo & { environment: Record<string, string> },
  options: PlanOptions,
): Promise<ExitCode> {
  const git = createGit(".", () => Promise.resolve(io.environment));
  const base = await resolveCommit(git, options.base ?? (await findBase(io)));
  const head = await resolveCommit(git, options.head);
  const texts = await readChanges(git, options.folder, base, await findMerged(git, base, head));
  const files = { base: toRecord(texts.base), head: toRecord(texts.head) };
  const { request, label: labels } = options;
  const about = request === undefined ? { labels: [...labels] } : { request, labels: [...labels] };
  const { id } = await unwrap(io.client.plans.$post({ json: { base, head, files, ...about } }));
  const plan = await untilComplete(io, id, options.wait * 60_000);
  if (options.format === "json") printJson(io, plan);
  else if (options.format === "markdown") io.print(plan.markdown);
  else printPlan(io, plan);
  return plan.hindrances.length === 0 ? exitCodes.ok : exitCodes.failed;
}

async function findBase(io: CommandIo): Promise<string> {
  const { commit } = await unwrap(io.client.git.applied.$get());
  if (commit !== null) return commit;
  throw new FleetRequestError(
    0,
    "the fleet is at no commit: stacks/ is a folder there",
    "say --base <commit>",
  );
}

/** What a merge of the head would make of the base: what the base has alone is nobody's change. Going back is taken as it is. */
async function findMerged(git: Git, base: string, head: string): Promise<string> {
  if (await isAncestor(git, head, base)) return head;
  const tree = await mergeTree(git, base, head);
  if (tree !== undefined) return tree;
  throw new FleetRequestError(0, `${head} conflicts with ${base}`, "bring the branch up to date first");
}

function toRecord(texts: Texts): Record<string, string | null> {
  return Object.fromEntries(texts);
}

async function untilComplete(io: CommandIo, id: number, timeoutMs: number): Promise<Complete> {
  const deadline = io.now().getTime() + timeoutMs;
  let noteAt = io.now().getTime() + noteEveryMs;
  try {
    for (;;) {
      const answer = await unwrap(io.client.plans[":id"].$get({ param: { id: String(id) } }));
      if (answer.complete) return answer;
      const line = `plan ${id}: ${answer.previewed} of ${answer.previews} previewed`;
      const now = io.now().getTime();
      if (now >= deadline) throw tooLate(line);
      io.progress(line);
      if (now >= noteAt) {
        io.note(line);
        noteAt = now + noteEveryMs;
      }
      await io.sleep(pollMs);
    }
  } finally {
    io.progress(null);
  }
}

function tooLate(line: string): FleetRequestError {
  return new FleetRequestError(
    0,
    `${line}, and the time is over`,
    "the same command waits on for it (--wait <minutes>); when nothing moves, is a worker running? fleet cells",
  );
}

const columns: Column<CustomerPlan>[] = [
  { title: "NAME", value: (row) => row.slug },
  ...(["create", "update", "replace", "delete"] as const).map((op): Column<CustomerPlan> => ({
    title: op.toUpperCase(),
    value: (row) => String(countSteps(row.steps)[op]),
    align: "right",
  })),
  { title: "WHY", value: ({ note, why }) => [...(note === undefined ? [] : [note]), ...why].join("; ") },
  { title: "ERROR", value: (row) => row.error ?? "" },
];

function printPlan(io: CommandIo, { plan, hash, hindrances }: Complete): void {
  io.print(plan.customers.length === 0 ? "no customer changes" : renderTable(columns, [...plan.customers]));
  for (const { slug, diff } of plan.customers) if (diff.trim() !== "") io.print(`\n${slug}:\n${diff}`);
  for (const setting of plan.settings) io.print(describeSetting(setting));
  for (const problem of plan.problems) io.note(`problem: ${problem}`);
  for (const one of hindrances) io.note(`in the way: ${one}`);
  io.note(`plan ${hash}`);
}

export async function gitCommand(io: CommandIo, options: { json?: boolean }): Promise<ExitCode> {
  const answer = await unwrap(io.client.git.$get());
  if (options.json) printJson(io, answer);
  else printGit(io, answer);
  return exitCodes.ok;
}

const pushColumns: Column<GitAnswer["pushes"][number]>[] = [
  { title: "COMMIT", value: (row) => row.commit.slice(0, 12) },
  { title: "OUTCOME", value: (row) => row.outcome ?? "being planned" },
  { title: "WHEN", value: (row) => row.decidedAt ?? "" },
  { title: "DETAIL", value: (row) => row.detail ?? "" },
];

function printGit(io: CommandIo, { repository, pushes }: GitAnswer): void {
  if (!repository) return io.print("stacks/ is a folder here, and no repository");
  io.print(`the fleet is at ${repository.applied ?? "no commit yet"} of ${repository.branch}`);
  if (pushes.length > 0) io.print(`\n${renderTable(pushColumns, pushes)}`);
}

export async function gitSyncCommand(io: CommandIo, options: JsonOption): Promise<ExitCode> {
  await unwrap(io.client.git.syncs.$post());
  if (options.json) printJson(io, { asked: true });
  io.note("the repository will be looked at; fleet git shows what became of it");
  return exitCodes.ok;
}

export async function gitAcceptCommand(
  io: CommandIo,
  commit: string,
  options: { hash: string } & JsonOption,
): Promise<ExitCode> {
  await unwrap(io.client.git.accepted.$post({ json: { commit, hash: options.hash } }));
  if (options.json) printJson(io, { commit, accepted: options.hash });
  io.note(`${commit} is planned once more and applied if that is still plan ${options.hash}; see fleet git`);
  return exitCodes.ok;
}
