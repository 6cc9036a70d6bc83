/**
 * Proves on a real database with real git repositories what becomes of commits when something is away: a cloud, the forge, or the
 * commit that the fleet is at. Previews are the test's own words, but for those that fail before any engine runs: a worker's.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConditions } from "../../reconciler/conditions.ts";
import { ClawfleetError, permanent } from "../../reconciler/errors.ts";
import { handleGitopsJob } from "../../reconciler/gitops/sync.ts";
import { instanceOutputs } from "../support/instance-inputs.ts";
import { runPreviews } from "../support/plan-previews.ts";
import { startAppRig, startGitopsRig, type AppRig, type GitopsRig } from "../support/gitops-rig.ts";

const ada = "stacks/Pulumi.ada.yaml";
const bob = "stacks/Pulumi.bob.yaml";
const version = (number: number) => `config:\n  clawfleet:openclawVersion: 2026.8.${number}\n`;
const down = { error: "Hetzner does not answer", again: true as const };

async function count(rig: GitopsRig, kind: "push_refused" | "push_delayed"): Promise<number | undefined> {
  const conditions = await readConditions(rig.deps.sql);
  return conditions.find((condition) => condition.kind === kind)?.count;
}

/** By the database's clock, by which what waits is counted. */
async function letAnHourPass({ deps: { sql } }: GitopsRig): Promise<void> {
  await sql`
    update clawfleet.plans set created_at = created_at - interval '61 minutes', seen_at = seen_at - interval '61 minutes'`;
  await sql`update clawfleet.git_pushes set undecided_since = undecided_since - interval '61 minutes'`;
}

describe("while a cloud is down", () => {
  let rig: GitopsRig;
  beforeAll(async () => {
    rig = await startGitopsRig({});
  });
  afterAll(() => rig?.close());

  test("a reviewed commit waits, is tried again ever more seldom, and is applied when it is back", async () => {
    const head = await rig.repository.commit("down", { [ada]: version(1) });
    await rig.review(head, 12);
    const merged = await rig.repository.merge(head, "Down");
    const plans = async () =>
      (await rig.deps.sql`select 1 from clawfleet.plans where purpose = 'push' and head = ${merged}`).length;
    const tried: number[] = [];
    for (let look = 0; look < 12; look += 1) {
      await rig.sync(down);
      tried.push(await plans());
      expect(await rig.decision(merged)).toMatchObject({ outcome: null });
      rig.admin.advance(rig.deps.settings.intervalMs);
    }
    expect(tried).toEqual([1, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5]);
    expect((await rig.decision(merged))?.detail).toMatch(
      /^waits: no preview of ada: Hetzner does not answer; /,
    );
    expect(await count(rig, "push_refused")).toBe(0);
    expect(await count(rig, "push_delayed"), "for minutes only").toBe(0);
    await letAnHourPass(rig);
    expect(await count(rig, "push_delayed")).toBe(1);
    rig.admin.advance(3_600_000);
    await rig.sync();
    expect(await count(rig, "push_delayed")).toBe(0);
    expect(await rig.decision(merged)).toMatchObject({ outcome: "applied", detail: "as reviewed in #12" });
  });

  test("a commit behind one that waits is not refused for it, and may take it back", async () => {
    const one = await rig.repository.commit("one", { [ada]: version(2) });
    await rig.review(one, 20);
    const first = await rig.repository.merge(one, "One");
    const before = await rig.isAt();
    await rig.sync(down);
    const two = await rig.repository.commit("main", { [bob]: version(2) });
    await rig.sync(down);
    // The second one's own preview is well, and the first one's pause is not over.
    await rig.deps
      .sql`update clawfleet.plan_customers set result = result - 'again' - 'error' || '{"error":null}'
      where plan_id in (select id from clawfleet.plans where head = ${two})`;
    await rig.sync(down);
    expect([await rig.decision(first), await rig.decision(two)]).toMatchObject([
      { outcome: null },
      { outcome: null },
    ]);
    expect(await rig.isAt()).toBe(before);
    const back = await rig.repository.commit("main", { [ada]: version(1), [bob]: null });
    await rig.sync(down);
    expect(await rig.isAt()).toBe(back);
    expect([await rig.decision(first), await rig.decision(two)]).toMatchObject([
      { outcome: "withdrawn" },
      { outcome: "withdrawn" },
    ]);
  });
});

/** Of every customer who waits, with clouds that end everything like this. */
async function failPreviews(rig: GitopsRig, problem: Error, signal?: AbortSignal): Promise<void> {
  const cloudsOf = () => {
    throw problem;
  };
  await runPreviews(rig, { cloudsOf, signal });
  await handleGitopsJob(rig.deps, { kind: "sync" });
}

describe("a preview that cannot even begin", () => {
  const away = new ClawfleetError({
    code: "cloud_unavailable",
    message: "hetzner: no answer",
    retry: { kind: "blocked", by: "hetzner" },
  });
  const wanted = "config:\n  clawfleet:plan: pro\n";
  let rig: GitopsRig;
  beforeAll(async () => {
    rig = await startGitopsRig({});
    // Before a change of the server's type the clouds are asked what its disk allows.
    const outputs = { ...instanceOutputs, serverType: "cx23", location: "nbg1" };
    await rig.deps.sql`
      update clawfleet.instances set outputs = ${rig.deps.sql.json(outputs)}, server_type = 'cx23', location = 'nbg1'`;
  });
  afterAll(() => rig?.close());

  async function push(content: string | null): Promise<string> {
    const commit = await rig.repository.commit("main", { [ada]: content });
    await handleGitopsJob(rig.deps, { kind: "sync" });
    return commit;
  }

  test("makes the commit wait while a cloud is away, and nothing blocks the one that takes it back", async () => {
    const commit = await push(wanted);
    await failPreviews(rig, away);
    expect((await rig.decision(commit))?.detail).toMatch(/^waits: no preview of ada: hetzner: no answer; /);
    const back = await push(null);
    expect([(await rig.decision(commit))?.outcome, await rig.isAt()]).toEqual(["withdrawn", back]);
  });

  test("refuses the commit when no second try helps", async () => {
    const commit = await push(`${wanted}# anew\n`);
    await failPreviews(rig, permanent("not_found", "its snapshot 7 is not there any more"));
    const refused = await rig.decision(commit);
    expect(refused).toMatchObject({ outcome: "refused" });
    const customers = await rig.deps.sql`
      select result ->> 'error' as error, result -> 'again' as again from clawfleet.plan_customers
      where plan_id = ${refused?.planId ?? 0}`;
    expect([...customers]).toEqual([{ error: "its snapshot 7 is not there any more", again: null }]);
    const back = await push(null);
    expect(await rig.isAt()).toBe(back);
  });

  test("says nothing of the customer when the worker is stopped: the job comes back", async () => {
    const commit = await push(`${wanted}# once more\n`);
    await expect(failPreviews(rig, away, AbortSignal.abort())).rejects.toThrow("no answer");
    expect(await rig.preview(), "it waits still").toHaveLength(1);
    await rig.sync();
    expect(await rig.decision(commit)).toMatchObject({ outcome: "refused" });
    await push(null);
  });

  test("whose job is lost is planned again", async () => {
    const commit = await push(`${wanted}# lost\n`);
    const planned = async () => (await rig.decision(commit))?.planId;
    const first = await planned();
    await handleGitopsJob(rig.deps, { kind: "sync" });
    expect((await rig.decision(commit))?.detail, "its job waits for a worker").toBeNull();
    await letAnHourPass(rig);
    expect(await count(rig, "push_delayed"), "whatever it waits for").toBe(1);
    await rig.deps.sql`update pgboss.job set state = 'failed' where data ->> 'planId' = ${String(first)}`;
    await handleGitopsJob(rig.deps, { kind: "sync" });
    expect((await rig.decision(commit))?.detail).toContain("no preview of ada: its preview was lost");
    rig.admin.advance(3_600_000);
    await handleGitopsJob(rig.deps, { kind: "sync" });
    expect(await planned()).not.toBe(first);
  });
});

describe("a commit that was refused long ago", () => {
  let rig: GitopsRig;
  beforeAll(async () => {
    rig = await startGitopsRig({});
  });
  afterAll(() => rig?.close());

  test("is not late when a person accepts it: it waits from then on", async () => {
    const commit = await rig.repository.commit("main", { [ada]: version(1) });
    await rig.sync();
    const hash = /plan \((\w+)\)/.exec((await rig.decision(commit))?.detail ?? "")?.[1] ?? "";
    await letAnHourPass(rig);
    await rig.plans.accept({ commit, hash, actor: "op" });
    expect(await count(rig, "push_delayed")).toBe(0);
    await handleGitopsJob(rig.deps, { kind: "sync" });
    expect(await count(rig, "push_delayed"), "it is being previewed").toBe(0);
    await letAnHourPass(rig);
    expect(await count(rig, "push_delayed")).toBe(1);
  });
});

describe("a branch that does not hold the fleet's commit any more", () => {
  let rig: GitopsRig;
  beforeAll(async () => {
    rig = await startGitopsRig({});
  });
  afterAll(() => rig?.close());

  test("is refused, also where it was reviewed once; the alert ends when the branch is as it was", async () => {
    const first = await rig.repository.commit("hold", { [ada]: version(1) });
    await rig.review(first, 1);
    const old = await rig.repository.merge(first, "Hold");
    await rig.sync();
    const second = await rig.repository.commit("unhold", { [ada]: version(2) });
    await rig.review(second, 2);
    const newer = await rig.repository.merge(second, "Unhold");
    await rig.sync();
    expect(await rig.isAt()).toBe(newer);

    await rig.repository.reset("main", old);
    await rig.sync();
    const refused = (await rig.decisions(old)).find(({ basis }) => basis === newer);
    expect(refused).toMatchObject({
      outcome: "refused",
      detail: expect.stringContaining(`does not hold ${newer.slice(0, 12)}, which the fleet is at`),
    });
    expect([await rig.isAt(), await count(rig, "push_refused")]).toEqual([newer, 1]);

    await rig.repository.reset("main", newer);
    await rig.sync();
    expect([await rig.isAt(), await count(rig, "push_refused")]).toEqual([newer, 0]);

    await rig.repository.reset("main", old);
    await rig.sync();
    const hash = /would do \((\w+)\)/.exec(refused?.detail ?? "")?.[1] ?? "";
    await rig.plans.accept({ commit: old, hash, actor: "op" });
    await rig.sync();
    expect([await rig.isAt(), await count(rig, "push_refused")]).toEqual([old, 0]);
  });
});

describe("while the forge is down", () => {
  let rig: AppRig;
  let github: AppRig["github"];
  beforeAll(async () => {
    rig = await startAppRig({});
    github = rig.github;
  });
  afterAll(() => rig?.close());

  test("a refusal stands, and is told when it is back", async () => {
    github.refuseWrites(true);
    const commit = await rig.repository.commit("main", { [ada]: version(1) });
    await rig.sync();
    expect(await rig.decision(commit)).toMatchObject({ outcome: "refused" });
    expect(github.checks(commit)).toEqual([]);
    github.refuseWrites(false);
    await rig.sync();
    expect(github.checks(commit)).toMatchObject([{ conclusion: "failure" }]);
    await rig.sync();
    expect(github.checks(commit)).toHaveLength(1);
  });
});
