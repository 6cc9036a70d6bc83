/**
 * Proves that the workflow file for plain GitHub is fit to be a required check: it runs for every request, asks the fleet only about
 * those that touch stacks/, and keeps its one comment true. Its scripts run in bash with a real git; `node` and `gh` are the test's.
 */
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { createRepository, type Repository } from "../sandbox/github/repository.ts";

const execute = promisify(execFile);
const workflowSchema = z.object({
  on: z.object({ pull_request_target: z.looseObject({}) }),
  jobs: z.object({
    plan: z.object({
      steps: z.array(
        z.object({ name: z.string().optional(), if: z.string().optional(), run: z.string().optional() }),
      ),
    }),
  }),
});
const workflow = workflowSchema.parse(parse(await readFile("docs/ci/clawfleet-plan.yaml", "utf8")));
const { steps } = workflow.jobs.plan;
const script = (name: string) => steps.find((step) => step.name === name)?.run ?? "exit 99";

test("it runs for every request: one that is left out would be pending for ever", () => {
  expect(Object.keys(workflow.on.pull_request_target)).toEqual(["types"]);
  const named = ["See whether it concerns the fleet", "Say what it would do", "Let it be applied"];
  const costly = steps.slice(1).filter(({ name }) => name === undefined || !named.includes(name));
  expect(costly.map((step) => step.if)).toEqual(costly.map(() => "steps.stacks.outputs.touched == 'true'"));
});

describe("a request", () => {
  let repository: Repository;
  let home: string;
  beforeAll(async () => {
    repository = await createRepository({ "README.md": "A fleet.\n", "stacks/plans.yaml": "{}\n" });
    home = await mkdtemp(join(tmpdir(), "clawfleet-ci-"));
    await writeFile(join(home, "node"), `#!/bin/sh\necho asked >> "$HOME/said"\necho "a plan"\n`);
    await writeFile(
      join(home, "gh"),
      `#!/bin/sh\nif [ "$2" = --paginate ]; then cat "$HOME/known"; else echo "$@: $(cat plan.md)" >> "$HOME/said"; fi\n`,
    );
    for (const program of ["node", "gh"]) await chmod(join(home, program), 0o755);
  });
  afterAll(async () => {
    await repository?.close();
    if (home) await rm(home, { recursive: true, force: true });
  });

  /** What was asked and said of it. `known`: id of the comment that is there. */
  const run = async (number: number, known = "") => {
    const output = join(home, `output-${number}`);
    await writeFile(output, "");
    await writeFile(join(home, "said"), "");
    await writeFile(join(home, "known"), known);
    const env = {
      PATH: `${home}:${process.env["PATH"] ?? ""}`,
      HOME: home,
      NUMBER: String(number),
      GITHUB_OUTPUT: output,
      GITHUB_REPOSITORY: "hoster/fleet",
      LABELS: "[]",
    };
    const bash = async (text: string, more: Record<string, string> = {}) =>
      await execute("bash", ["-e", "-c", text], {
        cwd: dirname(repository.gitDir),
        env: { ...env, ...more },
      });
    await bash(`git checkout --quiet --detach origin/main\n${script("See whether it concerns the fleet")}`);
    const touched = /^touched=(\w+)$/m.exec(await readFile(output, "utf8"))?.[1] ?? "";
    await bash(script("Say what it would do"), { TOUCHED: touched });
    return { touched, said: await readFile(join(home, "said"), "utf8") };
  };

  test("that touches stacks/ is planned and commented, also when main has moved since", async () => {
    await repository.keepPull(1, await repository.commit("one", { "stacks/plans.yaml": "a: 1\n" }));
    await repository.commit("main", { "README.md": "Another.\n" });
    const { touched, said } = await run(1);
    expect(touched).toBe("true");
    expect(said).toMatch(/^asked\napi --silent repos\/hoster\/fleet\/issues\/1\/comments .*: a plan\n$/);
  });

  test("that touches nothing of it passes without a word, also when main's stacks/ has moved since", async () => {
    await repository.keepPull(2, await repository.commit("two", { "README.md": "Words.\n" }));
    await repository.commit("main", { "stacks/plans.yaml": "b: 2\n" });
    expect(await run(2)).toEqual({ touched: "false", said: "" });
  });

  test("that touches nothing of it any more says so where its comment is", async () => {
    const { said } = await run(2, "77");
    expect(said).toContain("-X PATCH repos/hoster/fleet/issues/comments/77");
    expect(said).toContain("Nothing of stacks/ changes.");
  });
});
