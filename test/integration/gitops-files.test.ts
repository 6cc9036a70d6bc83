/**
 * Proves with real git repositories whose text each file of stacks/ is taken for, whatever lies beside it, and whom a cell's reaches. What is refused of it is
 * gitops.test.ts' matter.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readChanges, readFolder } from "../../reconciler/gitops/git.ts";
import { startGitopsRig, type GitopsRig } from "../support/gitops-rig.ts";

const held = "config:\n  clawfleet:hold: true\n";
const comped = "config:\n  clawfleet:comped: true\n";
const latin1 = Buffer.from(`${held}# M\u00FCller\n`, "latin1");

describe("files of a repository", () => {
  let rig: GitopsRig;
  beforeAll(async () => {
    rig = await startGitopsRig({});
  });
  afterAll(() => rig?.close());

  test("are each their own, beside a folder and a file that is no UTF-8", async () => {
    const before = await rig.repository.head("main");
    await rig.repository.commit("mixed", {
      "stacks/Pulumi.ada.yaml": latin1,
      "stacks/Pulumi.bob.yaml": comped,
      "stacks/archive/Pulumi.bob.yaml": held,
      "stacks/Pulumi.cyd.yaml/note.md": "A folder of that name.\n",
      "stacks/notes/deep/x.yaml": held,
    });
    await rig.deps.mirror.fetch();
    const all = await readFolder(rig.deps.mirror.git, "stacks", "mixed");
    expect([...all.keys()].toSorted()).toEqual([
      "Pulumi.ada.yaml",
      "Pulumi.bob.yaml",
      "Pulumi.cell.lab.yaml",
      "plans.yaml",
    ]);
    const plans = await rig.deps.mirror.git.run(["show", "mixed:stacks/plans.yaml"]);
    expect([all.get("Pulumi.bob.yaml"), all.get("plans.yaml")]).toEqual([comped, plans]);
    const { base, head } = await readChanges(rig.deps.mirror.git, "stacks", before, "mixed");
    expect([...base.values()]).toEqual([null, null]);
    expect([...head]).toEqual([
      ["Pulumi.ada.yaml", `${held}# M\uFFFDller\n`],
      ["Pulumi.bob.yaml", comped],
    ]);
  });

  test("that are no UTF-8 are a problem of their own, and of nobody else", async () => {
    const head = await rig.repository.commit("bytes", {
      "stacks/Pulumi.ada.yaml": latin1,
      "stacks/Pulumi.bob.yaml": comped,
    });
    const id = await rig.ask(head, { request: 7 });
    await rig.preview();
    expect(await rig.plans.find(id)).toMatchObject({
      plan: {
        customers: [{ slug: "bob", why: ["override added: comped"] }],
        problems: ["stacks/Pulumi.ada.yaml:3: encoding: not UTF-8: save the file as that"],
      },
    });
  });

  test("of a cell reach the servers that stand in it once they are reviewed, and the plan says so", async () => {
    const { sql, mirror } = rig.deps;
    const file = "stacks/Pulumi.cell.lab.yaml";
    const text = await mirror.git.run(["show", `main:${file}`]);
    const changed = text.replace("127.0.0.1/32", "198.51.100.9/32");
    const head = await rig.repository.commit("addresses", { [file]: changed });
    const id = await rig.ask(head, { request: 8 });
    expect(await rig.plans.find(id)).toMatchObject({
      markdown: expect.stringContaining("reaches every server that stands in it"),
    });
    await sql`update clawfleet.instances set status = 'ready', observed_generation = generation`;
    await sql`delete from pgboss.job`;
    const merged = await rig.repository.merge(head, "Addresses");
    await rig.sync();
    expect(await rig.decision(merged)).toMatchObject({ outcome: "applied" });
    const jobs = await sql`
      select data ->> 'stack' as stack, data ->> 'reason' as reason from pgboss.job where name = 'converge' order by 1`;
    expect([...jobs]).toEqual([
      { stack: "ada", reason: "resync" },
      { stack: "bob", reason: "resync" },
      { stack: "cell.lab", reason: "paid" },
    ]);
  });

  test("that are broken where the fleet is are no way past the review: deleting one is a change with steps", async () => {
    await rig.repository.commit("main", { "stacks/Pulumi.ada.yaml": "config:\n  clawfleet:size: big\n" });
    const broken = await rig.refuseAndAccept();
    const deleted = await rig.repository.commit("main", { "stacks/Pulumi.ada.yaml": null });
    await rig.sync();
    expect(await rig.decision(deleted)).toMatchObject({
      outcome: "refused",
      detail: expect.stringContaining("nobody has seen this plan"),
    });
    expect(await rig.isAt()).toBe(broken);
    const id = await rig.ask("main");
    await rig.preview();
    expect(await rig.plans.find(id)).toMatchObject({
      plan: {
        customers: [
          { slug: "ada", why: ["broken override removed"], steps: [{ resource: "configure", op: "update" }] },
        ],
      },
      markdown: expect.stringContaining("broken override removed"),
    });
  });
});
