/** Plans that operators ask for, and where the fleet is in the repository. */
import { acceptPush, findApplied, listPushes, type PushRow } from "../db/git.ts";
import { countPreviews, findPlan, markSeen, resumePlan, type Progress } from "../db/plans.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { permanent, type ClawfleetError } from "../errors.ts";
import { renderComment } from "../gitops/comment.ts";
import { findHindrances, type GateRules } from "../gitops/gate.ts";
import type { ChangedTexts } from "../gitops/git.ts";
import type { FleetPlan } from "../gitops/plan.ts";
import { defaultMaxPreviews } from "../gitops/settings.ts";
import { createPlan, digestTexts, toFleetPlan } from "../gitops/plans.ts";

export type PlanAnswer =
  | ({ id: number; complete: false } & Progress)
  | { id: number; complete: true; hash: string; hindrances: string[]; plan: FleetPlan; markdown: string };

export type GitAnswer = {
  /** Null where stacks/ is a folder. */
  repository: { branch: string; applied: string | null } | null;
  pushes: (Omit<PushRow, "decidedAt"> & { decidedAt: string | null })[];
};

export type PlanRequest = {
  base: string;
  head: string;
  texts: ChangedTexts;
  /** Request that it is the review of; null: somebody only looks. */
  request: number | null;
  labels: readonly string[];
  actor: string;
};

export type PlanOperators = {
  /** Returns the plan's id; workers preview it. The same question again is the plan under way, until somebody has read it. */
  create(input: PlanRequest): Promise<number>;
  /** Commit that the fleet is at; null where stacks/ is a folder. */
  findApplied(): Promise<string | null>;
  /** A complete one counts as seen from now on. @throws not_found */
  find(id: number): Promise<PlanAnswer>;
  readGit(): Promise<GitAnswer>;
  /** @throws conflict where stacks/ is a folder */
  sync(): Promise<void>;
  /** Plans a refused commit once more, and applies it when it still is this plan. @throws not_found */
  accept(input: { commit: string; hash: string; actor: string }): Promise<void>;
};

export type PlansDeps = ApplyDeps & {
  gitops?: (GateRules & { branch: string; maxPreviews: number }) | undefined;
};

/** As without a repository: what a plan says is for whoever reads it. */
const defaultRules: GateRules = { maxLost: 0, label: "" };

export function createPlanOperators(deps: PlansDeps): PlanOperators {
  const { sql, queue } = deps;
  return {
    async create({ request, ...input }) {
      const asked = { ...input, pullRequest: request };
      const running = await resumePlan(sql, { ...asked, digest: digestTexts(input) });
      const maxPreviews = deps.gitops?.maxPreviews ?? defaultMaxPreviews;
      return running ?? (await createPlan(deps, { ...asked, purpose: "review", maxPreviews }));
    },
    findApplied: async () => (deps.gitops && (await findApplied(sql))) ?? null,
    async find(id) {
      const row = await findPlan(sql, id);
      if (!row) throw missing(`there is no plan ${id}`);
      const plan = await toFleetPlan(sql, row);
      if (!plan || row.hash === null) return { id, complete: false, ...(await countPreviews(sql, id)) };
      await markSeen(sql, id, deps.clock.now());
      const hindrances = findHindrances(plan, row.labels, deps.gitops ?? defaultRules);
      const markdown = renderComment(plan, hindrances);
      return { id, complete: true, hash: row.hash, hindrances, plan, markdown };
    },
    async readGit() {
      const [applied, pushes] = await Promise.all([findApplied(sql), listPushes(sql, 50)]);
      return {
        repository: deps.gitops ? { branch: deps.gitops.branch, applied: applied ?? null } : null,
        pushes: pushes.map((row) => ({ ...row, decidedAt: row.decidedAt?.toISOString() ?? null })),
      };
    },
    async sync() {
      if (!deps.gitops) throw noRepository();
      await queue.requestGitops(sql, { kind: "sync" });
    },
    async accept({ commit, hash, actor }) {
      if (!deps.gitops) throw noRepository();
      const refused = (await listPushes(sql, 1000)).filter(
        (push) => push.outcome === "refused" && push.commit.startsWith(commit),
      );
      const basis = await findApplied(sql);
      const push = refused.find((one) => one.basis === basis);
      if (!push) throw missing(`no commit ${commit} is refused where the fleet is now`);
      await sql.begin(async (tx) => {
        await acceptPush(tx, { commit: push.commit, basis: push.basis, hash, actor });
        await queue.requestGitops(tx, { kind: "sync" });
      });
    },
  };
}

function missing(message: string): ClawfleetError {
  return permanent("not_found", message, "fleet git shows what was refused, and why");
}

function noRepository(): ClawfleetError {
  return permanent(
    "conflict",
    "stacks/ is a folder here, and no repository",
    "set CLAWFLEET_GIT_URL (docs/operations.md, GitOps)",
  );
}
