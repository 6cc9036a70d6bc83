/**
 * Proves on real rows and a simulated Hetzner that an archived customer's snapshot that another hand takes away is found, once, for a
 * person, until it is settled, and that none is missed that we took or deleted ourselves while a scan looked. Workers' own code
 * archives and brings back; what an engine would do is done by the rig.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readConditions } from "../../reconciler/conditions.ts";
import { listFindings } from "../../reconciler/db/drift.ts";
import { startCopyRig, type CopyRig } from "../support/copy-rig.ts";
import { createScans, type Scans } from "../support/scans.ts";
import { putStateOf } from "../support/state-rows.ts";

let rig: CopyRig;
let scans: Scans;
let count = 0;
let slug: string;

beforeAll(async () => {
  rig = await startCopyRig();
  scans = createScans({ database: rig.side.database, apply: rig.side.apply, access: rig.access });
  const [key] = rig.hetzner.project().sshKeys();
  const outputs = { name: key?.name, fingerprint: key?.fingerprint, labels: {} };
  const type = "hcloud:index/sshKey:SshKey";
  const urn = `urn:pulumi:cell.eu1::clawfleet::${type}::key`;
  const [cell] = await rig.deps.sql<{ name: string }[]>`select name from clawfleet.cells`;
  await putStateOf(rig.side.database, `cell.${cell?.name}`, [
    { urn, custom: true, type, id: String(key?.id), outputs },
  ]);
});
afterAll(() => rig?.close());
beforeEach(() => takeOneMore());
afterEach(async () => {
  scans.meanwhile = () => Promise.resolve();
  const { sql } = rig.deps;
  await sql`update clawfleet.instances set status = 'gone', phase = 'gone'`;
  for (const { id } of project().servers()) await project().vanish("server", id);
  for (const { id } of project().images()) await project().vanish("image", id);
  await sql`delete from clawfleet.drift_findings`;
});

const project = () => rig.hetzner.project();
/** From here on a test is about them. */
async function takeOneMore(): Promise<void> {
  count += 1;
  slug = `kim${count}`;
  rig.side.subscribe(slug);
  await rig.side.settle();
  await rig.converge(slug, { reason: "paid" });
}
/** As billing or an operator wants it; a worker does it. */
async function bring(phase: "running" | "archived" | "gone"): Promise<void> {
  await desire(phase);
  await rig.convergeToEnd(slug);
}
async function desire(phase: string): Promise<void> {
  await rig.deps.sql`
    update clawfleet.instances set phase = ${phase}, generation = generation + 1 where slug = ${slug} and status <> 'gone'`;
}
async function archive(): Promise<{ id: string; snapshot: number }> {
  await bring("archived");
  const { id, snapshotId } = await rig.rowOf(slug);
  return { id, snapshot: Number(snapshotId) };
}
const snapshotOf = (id: number) => {
  const found = project()
    .images()
    .find((image) => image.id === id);
  if (!found) throw new Error(`there is no snapshot ${id}`);
  return found;
};
/** Of what is missing: the rig's servers are in no state. */
const findings = async () => (await listFindings(rig.deps.sql)).filter((one) => one.class === "missing");
const orders = async () => await rig.deps.sql`select data from pgboss.job where data ->> 'reason' = 'drift'`;
/** Once, as soon as Hetzner has answered the `nth` of such requests of the scan. */
function when(part: string, happens: () => Promise<void>, nth = 1): () => boolean {
  let answered = 0;
  scans.meanwhile = async (url) => {
    if (!url.includes(part)) return;
    answered += 1;
    if (answered === nth) await happens();
  };
  return () => answered >= nth;
}

describe("an archived customer's snapshot", () => {
  test("that is there is no finding", async () => {
    await archive();
    await scans.scan();
    expect(await findings()).toEqual([]);
  });

  test("that somebody deleted is one finding for a person, and nothing is ordered by itself", async () => {
    const { id, snapshot } = await archive();
    await project().vanish("image", snapshot);
    await scans.scan();
    const difference = { class: "missing", kind: "snapshot", objectId: String(snapshot), name: slug };
    const expected = { subject: id, slug, class: "missing", action: "ask", differences: [difference] };
    const [found] = await findings();
    expect(found).toMatchObject(expected);
    expect(found?.refusal).toContain("the customer's data is gone with it, and no run brings it back");
    expect(await readConditions(rig.deps.sql)).toContainEqual(
      expect.objectContaining({ kind: "drift", count: 1 }),
    );
    await scans.scan();
    expect(await findings()).toMatchObject([{ ...expected, id: found?.id, repairs: 0 }]);
    expect(await orders()).toEqual([]);
  });

  test("that somebody moved away and brought back closes its finding", async () => {
    const { snapshot } = await archive();
    snapshotOf(snapshot).type = "backup";
    await scans.scan();
    expect(await findings()).toHaveLength(1);
    snapshotOf(snapshot).type = "snapshot";
    await scans.scan();
    expect(await findings()).toEqual([]);
  });

  test("that is lost stays one finding while its customer cannot come back, until they are gone", async () => {
    const { snapshot } = await archive();
    await project().vanish("image", snapshot);
    await scans.scan();
    const [found] = await findings();
    await desire("running");
    const row = await rig.converge(slug);
    expect(row).toMatchObject({ status: "parked", observedPhase: "archived" });
    await scans.scan();
    expect(await findings()).toMatchObject([{ id: found?.id }]);
    await desire("gone");
    await expect(rig.converge(slug)).rejects.toThrow(`there is no ${slug}`);
    await scans.scan();
    expect(await findings()).toEqual([]);
  });
});

describe("no snapshot is missed", () => {
  test.each(["/servers?", "/ssh_keys?"])("whose customer came back when %s was just listed", async (part) => {
    await archive();
    const happened = when(part, () => bring("running"));
    await scans.scan();
    expect([happened(), await findings()]).toEqual([true, []]);
    await scans.scan();
    expect(await findings()).toEqual([]);
  });

  /** So that a scan reads everything twice. Their name. */
  async function loseAnother(): Promise<string> {
    const other = slug;
    const { snapshot } = await archive();
    await project().vanish("image", snapshot);
    await takeOneMore();
    return other;
  }

  test("whose customer came back between the two lists that an absence takes", async () => {
    const other = await loseAnother();
    await archive();
    const happened = when("/images?", () => bring("running"));
    await scans.scan();
    expect([happened(), (await findings()).map((one) => one.slug)]).toEqual([true, [other]]);
  });

  test("that was taken when both lists were read", async () => {
    const other = await loseAnother();
    const happened = when("/images?", () => bring("archived"), 2);
    await scans.scan();
    expect([happened(), (await findings()).map((one) => one.slug)]).toEqual([true, [other]]);
  });

  test("that was taken when all snapshots were listed already", async () => {
    const happened = when("/images?", () => bring("archived"));
    await scans.scan();
    expect([happened(), await findings()]).toEqual([true, []]);
    await scans.scan();
    expect(await findings()).toEqual([]);
  });

  test("that was deleted with its instance while a scan looked", async () => {
    await archive();
    const happened = when("/servers?", async () => {
      await desire("gone");
      await expect(rig.converge(slug)).rejects.toThrow(`there is no ${slug}`);
    });
    await scans.scan();
    expect([happened(), await findings()]).toEqual([true, []]);
  });

  test("whose deletion was not recorded any more when its customer had come back", async () => {
    const { snapshot } = await archive();
    await bring("running");
    await rig.deps.sql`update clawfleet.instances set snapshot_id = ${snapshot} where slug = ${slug}`;
    await scans.scan();
    expect(await findings()).toEqual([]);
  });
});
