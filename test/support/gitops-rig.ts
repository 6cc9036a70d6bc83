/** GitOps on a real database with real git repositories, without engine and clouds: who previews is the test. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findApplied, listPushes, type PushRow } from "../../reconciler/db/git.ts";
import { listPlanCustomers, recordPlanCustomer, type CustomerResult } from "../../reconciler/db/plans.ts";
import type { GitopsDeps } from "../../reconciler/gitops/deps.ts";
import { readChanges, resolveCommit } from "../../reconciler/gitops/git.ts";
import { createGithub, type Github } from "../../reconciler/gitops/github.ts";
import { createMirror } from "../../reconciler/gitops/mirror.ts";
import { finishPlan } from "../../reconciler/gitops/plans.ts";
import type { GitopsSettings } from "../../reconciler/gitops/settings.ts";
import { handleGitopsJob } from "../../reconciler/gitops/sync.ts";
import { createPlanOperators, type PlanOperators } from "../../reconciler/operators/plans.ts";
import { createCommitReader } from "../../reconciler/service/files.ts";
import { startGithub, type Github as Forge } from "../sandbox/github/github.ts";
import { createRepository, type Repository } from "../sandbox/github/repository.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { startAdminApp, type AdminApp } from "./admin-app.ts";

export type GitopsRig = {
  admin: AdminApp;
  repository: Repository;
  deps: GitopsDeps;
  plans: PlanOperators;
  /** Looks at the repository, and previews as often as there is something to preview. */
  sync(result?: Partial<CustomerResult>): Promise<void>;
  /** Previews what waits, all with this result. Returns the plans that are complete now. */
  preview(result?: Partial<CustomerResult>): Promise<number[]>;
  /** Asks for a plan as CI does: of a merge of `head` into what the fleet is at. */
  ask(head: string, about?: { request?: number; labels?: string[] }): Promise<number>;
  /** `ask`, previewed and read. */
  review(
    head: string,
    request: number,
    about?: { labels?: string[]; result?: Partial<CustomerResult> },
  ): Promise<void>;
  /** A push to main that is refused, and accepted by a person as it is. Returns the commit. */
  refuseAndAccept(): Promise<string>;
  decision(commit: string): Promise<PushRow | undefined>;
  /** One for each commit that the fleet was at then. */
  decisions(commit: string): Promise<PushRow[]>;
  isAt(): Promise<string | undefined>;
  /** What a second process has: the same rows and repository, and a mirror of its own that is empty yet. */
  startAnother(): Promise<GitopsDeps>;
  close(): Promise<void>;
};

const quiet: CustomerResult = {
  steps: [{ resource: "configure", op: "update" }],
  diff: "~ configure",
  costBefore: 5,
  costAfter: 5,
  error: null,
};

export async function startGitopsRig(
  files: Record<string, string>,
  forge: (repository: Repository) => Promise<Github | undefined> = () => Promise.resolve(undefined),
): Promise<GitopsRig> {
  const admin = await startAdminApp();
  const all: Record<string, string> = {};
  for (const name of await readdir(sandboxStacks))
    all[`stacks/${name}`] = await readFile(join(sandboxStacks, name), "utf8");
  const repository = await createRepository({ ...all, ...files });
  const settings: GitopsSettings = {
    url: repository.url,
    branch: "main",
    folder: "stacks",
    intervalMs: 1000,
    maxLost: 0,
    maxPreviews: 100,
    label: "may be lost",
    github: undefined,
  };
  const { apply } = admin;
  const folders: string[] = [];
  const openMirror = async (): Promise<Pick<GitopsDeps, "mirror" | "files">> => {
    const folder = await mkdtemp(join(tmpdir(), "clawfleet-mirror-"));
    folders.push(folder);
    const mirror = createMirror(folder, settings.url, undefined, { PATH: process.env["PATH"] ?? "" });
    const { sql, clock, log, onAlert = () => {} } = apply;
    return { mirror, files: createCommitReader({ sql, mirror, settings, clock }, log, onAlert) };
  };
  const github = await forge(repository);
  const deps: GitopsDeps = { ...apply, ...(await openMirror()), settings, github };
  const plans = createPlanOperators({ ...deps, gitops: settings });
  const { sql, mirror } = deps;

  const preview: GitopsRig["preview"] = async (result = {}) => {
    const waiting = await sql<{ id: number }[]>`
      select id::int as id from clawfleet.plans where completed_at is null order by id`;
    for (const { id } of waiting) {
      for (const customer of await listPlanCustomers(sql, id))
        if (customer.result === null && customer.example === null)
          await recordPlanCustomer(sql, id, customer.slug, { ...quiet, ...result });
      await finishPlan(sql, id, deps.clock.now());
    }
    return waiting.map(({ id }) => id);
  };
  const ask: GitopsRig["ask"] = async (head, { request, labels = [] } = {}) => {
    await mirror.fetch();
    await deps.files();
    const base = (await findApplied(sql)) ?? "";
    const tree = await mirror.git.run(["merge-tree", "--write-tree", "--no-messages", base, head]);
    const texts = await readChanges(mirror.git, "stacks", base, tree.trim());
    const named = await resolveCommit(mirror.git, head);
    return await plans.create({ base, head: named, texts, request: request ?? null, labels, actor: "ci" });
  };
  const rig: GitopsRig = {
    admin,
    repository,
    deps,
    plans,
    preview,
    ask,
    async sync(result) {
      await handleGitopsJob(deps, { kind: "sync" });
      for (let done = await preview(result); done.length > 0; done = await preview(result))
        for (const planId of done) await handleGitopsJob(deps, { kind: "plan", planId });
    },
    async review(head, request, { labels = [], result } = {}) {
      const id = await ask(head, { request, labels });
      await preview(result);
      await plans.find(id);
    },
    async refuseAndAccept() {
      await rig.sync();
      const commit = await repository.head("main");
      const detail = (await rig.decision(commit))?.detail ?? "";
      const hash = /plan \((\w+)\)/.exec(detail)?.[1] ?? "";
      await plans.accept({ commit, hash, actor: "op" });
      await rig.sync();
      return commit;
    },
    decision: async (commit) => (await listPushes(sql, 100)).find((push) => push.commit === commit),
    decisions: async (commit) => (await listPushes(sql, 100)).filter((push) => push.commit === commit),
    isAt: () => findApplied(sql),
    startAnother: async () => ({ ...deps, ...(await openMirror()) }),
    async close() {
      await admin.close();
      await repository.close();
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
    },
  };
  await rig.sync();
  for (const slug of ["ada", "bob"])
    await admin.request("POST", "/api/v1/instances", { body: { slug, plan: "starter" } });
  return rig;
}

export type AppRig = GitopsRig & { github: Forge };

/** As `startGitopsRig`, with a simulated GitHub in which our App is installed. */
export async function startAppRig(files: Record<string, string>): Promise<AppRig> {
  let started: Forge | undefined;
  const rig = await startGitopsRig(files, async (repository) => {
    started = await startGithub(repository);
    const { id: appId, ...app } = started.app;
    const clock = { now: () => new Date() };
    return createGithub({ ...app, appId, repository: started.slug, apiUrl: started.origin, fetch, clock });
  });
  const github = started;
  if (!github) throw new Error("the forge was not started");
  return {
    ...rig,
    github,
    async close() {
      await github.close();
      await rig.close();
    },
  };
}
