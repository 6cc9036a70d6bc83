/**
 * Proves on the real way of a copy that what counts as our outage is the time in which its customer was not served, whether it
 * ends on the new server or the old one goes on, and that nobody is told of it before an hour. The clock is moved where the copy
 * takes its time; no engine runs here.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { customerFiles } from "../../cloud-init/customer-files.ts";
import { planSchema } from "../../infra/plans.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { tellLate } from "../../reconciler/messages/recorded.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { proKey, starterKey } from "../support/billing.ts";
import { startCopyRig, type CopyRig } from "../support/copy-rig.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;

let rig: CopyRig;
let runOnMachine: CopyRig["deps"]["runOnMachine"];
let count = 0;
let slug: string;
let trial: ReturnType<CopyRig["side"]["subscribe"]>;
let sold: number;

const trialEnd = () =>
  Number(rig.side.stripe.subscriptions().find(({ id }) => id === trial.id)?.["trial_end"]) * 1000;
const givenMinutes = () => Math.round((trialEnd() - sold) / minuteMs);

async function outages(): Promise<number[]> {
  const rows = await rig.deps.sql<{ from: Date; to: Date }[]>`
    select from_at as "from", to_at as "to" from clawfleet.outages
    where instance_id = ${(await rig.rowOf(slug)).id} order by from_at`;
  return rows.map(({ from, to }) => Math.round((to.getTime() - from.getTime()) / minuteMs));
}

/** What customers and operators have been told of a failure. */
async function failures(): Promise<string[]> {
  await tellLate({ sql: rig.deps.sql, alerts: rig.deps.alerts }, rig.side.now());
  const { id } = await rig.rowOf(slug);
  const rows = await rig.deps.sql<{ what: string }[]>`
    select occasion as what from clawfleet.outbox where subject = ${id} and occasion = 'failed'
    union all select kind from clawfleet.alerts where about = ${slug} and kind = 'late' order by what`;
  return rows.map(({ what }) => what);
}

/** Each time the files are compared, so long has passed since the gateway was stopped; the last word is `code`. */
function slowDown(minutes: number, code: 0 | 1): void {
  rig.deps.runOnMachine = async (address, command, options) => {
    if (command !== customerFiles.digest) return await runOnMachine(address, command, options);
    rig.side.advance(minutes * minuteMs);
    if (code !== 0) return { kind: "ran", code, stdout: "", stderr: "no" };
    rig.deps.runOnMachine = runOnMachine;
    return await runOnMachine(address, command, options);
  };
}

beforeAll(async () => {
  rig = await startCopyRig();
  ({ runOnMachine } = rig.deps);
  rig.side.apply.files = async () => {
    const files = await readStackFiles(sandboxStacks);
    const { starter, pro, ...others } = files.plans ?? {};
    const small = planSchema.parse({ ...starter, serverTypes: ["cx23"], locations: ["nbg1", "fsn1"] });
    const large = planSchema.parse({ ...pro, locations: ["nbg1"] });
    return { ...files, plans: { ...others, starter: small, pro: large } };
  };
});
beforeEach(async () => {
  rig.deps.runOnMachine = runOnMachine;
  count += 1;
  slug = `amy${count}`;
  const order = { email: `${slug}@example.com`, metadata: { slug }, trialDays: 14 };
  trial = rig.side.stripe.createPaidSubscription({ lookupKey: proKey, ...order });
  await rig.side.settle();
  await rig.converge(slug, { reason: "paid" });
  sold = trialEnd();
  rig.side.advance(13 * dayMs);
  await rig.changePlan(trial, starterKey);
});
afterAll(() => rig.close());

describe("a customer on the last day of a trial who chooses a smaller plan", () => {
  test("has no outage by a copy of some minutes, and the trial ends when it should", async () => {
    slowDown(5, 0);
    await rig.convergeToEnd(slug);
    await rig.side.sweep();
    expect([await outages(), givenMinutes(), await failures()]).toEqual([[], 0, []]);
  });

  test("gets back what a long copy took", async () => {
    slowDown(50, 0);
    await rig.convergeToEnd(slug);
    await rig.side.sweep();
    expect([await outages(), givenMinutes(), await failures()]).toEqual([[50], 50, []]);
  });

  test("gets back what a copy took that failed, from the stop of the gateway to its start", async () => {
    slowDown(40, 1);
    expect((await rig.converge(slug)).status).toBe("waiting");
    await rig.side.sweep();
    expect([await outages(), givenMinutes()]).toEqual([[40], 40]);
    rig.side.advance(5 * 60 * minuteMs);
    expect([await outages(), await failures()]).toEqual([[40], []]);
  });

  test("and whose new server does not come up hears of it after an hour, and that it is back", async () => {
    rig.hetzner.faults.add({
      method: "POST",
      path: "create_image",
      times: 1,
      effect: { kind: "drop-after" },
    });
    await rig.converge(slug);
    rig.side.advance(59 * minuteMs);
    expect(await failures()).toEqual([]);
    rig.side.advance(2 * minuteMs);
    expect(await failures()).toEqual(["failed", "late"]);
    await rig.convergeToEnd(slug);
    expect(await outages()).toEqual([61]);
    const [back] = await rig.deps.sql`
      select facts from clawfleet.outbox where occasion = 'ready' and subject = ${(await rig.rowOf(slug)).id}
      order by id desc limit 1`;
    expect(back).toEqual({ facts: { kind: "ready", again: true } });
  });
});
