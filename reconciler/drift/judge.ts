/** What the states say held against what a cloud holds: findings, and whose judgement has to wait. Pure. */
import type { PriceList } from "../cloud/hetzner-inventory.ts";
import { costOfServer, costOfSnapshot } from "../cloud/hetzner-prices.ts";
import type { NewFinding, ScannedStack } from "../db/drift.ts";
import { ClawfleetError } from "../errors.ts";
import { compareStack, findUnknown, gravest, keyOf, type Difference } from "./compare.ts";
import { explainLoss, findLostSnapshot, isLostSnapshot } from "./lost-snapshots.ts";
import type { ExpectedObject, SeenObject } from "./objects.ts";
import type { DriftPolicy } from "./policy.ts";

export type JudgeInput = {
  account: string;
  /** Of every account: what is another account's is nobody's leak. */
  stacks: readonly ScannedStack[];
  expected: ReadonlyMap<string, readonly ExpectedObject[]>;
  seen: ReadonlyMap<string, SeenObject>;
  policy: DriftPolicy;
  /** Of the account; undefined: nobody has read them yet. */
  prices: PriceList | undefined;
};

export type Judgement = {
  findings: NewFinding[];
  /** Subjects that were not at rest, or whose state cannot be read: what is known of them stands. */
  unjudged: string[];
  compared: number;
};

/** @throws ClawfleetError when the account shows nothing of what the states know there. */
export function judge({ account, stacks, expected, seen, policy, prices }: JudgeInput): Judgement {
  const mine = stacks.filter((stack) => stack.account === account);
  refuseWrongProject(account, mine, expected, seen);
  const resting = mine.filter((stack) => stack.resting);
  const byId = new Map(stacks.map((stack) => [stack.id, stack]));
  const differences = new Map<string, Difference[]>(
    resting.map((one) => [
      one.id,
      [...compareStack(expected.get(one.stack) ?? [], seen), ...findLostSnapshot(one, seen)],
    ]),
  );
  const findings: NewFinding[] = [];
  const known = [...[...expected.values()].flat(), ...stacks.flatMap(listSnapshots)].map(keyOf);
  for (const { owner, difference } of findUnknown(new Set(known), seen.values(), new Set(byId.keys()))) {
    const stack = byId.get(owner);
    // Each by itself: no up cures it, and what an up cures of the same stack must not wait for it.
    if (!stack || !belongsHere(stack, account, difference))
      findings.push(
        toUnknown({ account, seen, policy, prices }, owner, null, { ...difference, class: "leak" }),
      );
    else if (stack.resting && stack.account === account)
      findings.push(toUnknown({ account, seen, policy, prices }, owner, stack.stack, difference));
  }
  for (const [id, found] of differences) {
    const stack = byId.get(id);
    if (stack && found.length > 0) findings.push(toFinding(stack, found, policy));
  }
  const unjudged = mine.filter((one) => !one.resting).map(({ id }) => id);
  return { findings, unjudged, compared: resting.length };
}

/** What the state of no stack says, and is needed all the same. */
export function listSnapshots({ snapshotId }: ScannedStack): { kind: "snapshot"; id: string }[] {
  return snapshotId === null ? [] : [{ kind: "snapshot", id: snapshotId }];
}

/** Accounts may share a zone, but never a project. */
export function belongsHere(
  stack: ScannedStack,
  account: string,
  { kind }: Pick<SeenObject, "kind">,
): boolean {
  return kind === "record" || stack.account === account;
}

/** A token of another project answers well and shows nothing of ours: all would be "lost", and made a second time. */
function refuseWrongProject(
  account: string,
  mine: readonly ScannedStack[],
  expected: JudgeInput["expected"],
  seen: JudgeInput["seen"],
): void {
  const keys = mine.flatMap((one) => [...(expected.get(one.stack) ?? []), ...listSnapshots(one)].map(keyOf));
  const atHetzner = keys.filter((key) => !key.startsWith("record:"));
  if (atHetzner.length === 0 || atHetzner.some((key) => seen.has(key))) return;
  throw new ClawfleetError({
    code: "cloud_unavailable",
    message: `the Hetzner project of the account ${account} holds none of the ${atHetzner.length} objects that ought to be there`,
    remedy: `look whether HCLOUD_TOKEN of ${account} belongs to the right project; if everything was really deleted: fleet apply --refresh`,
    retry: { kind: "blocked", by: "hetzner" },
  });
}

function toFinding(
  { id, stack, instanceId, account }: ScannedStack,
  found: Difference[],
  policy: DriftPolicy,
): NewFinding {
  const severity = gravest(found);
  const isLost = found.some(isLostSnapshot);
  return {
    subject: id,
    instanceId,
    slug: stack,
    account,
    class: severity,
    action: isLost ? "ask" : policy[severity],
    differences: found,
    monthlyNet: null,
    refusal: isLost ? explainLoss(stack) : null,
  };
}

/** `slug`: of the stack that lives; null for nobody's. */
function toUnknown(
  { account, seen, policy, prices }: Pick<JudgeInput, "account" | "seen" | "policy" | "prices">,
  owner: string,
  slug: string | null,
  difference: Difference,
): NewFinding {
  const key = keyOf({ kind: difference.kind, id: difference.objectId });
  return {
    subject: key,
    instanceId: owner.includes(".") ? null : owner,
    slug,
    account,
    class: difference.class,
    action: policy[difference.class],
    differences: [difference],
    monthlyNet: costOf(seen.get(key), prices),
    refusal: null,
  };
}

/** In the account's currency; null for what costs nothing, and for what is on no price list that we have. */
function costOf(object: SeenObject | undefined, prices: PriceList | undefined): string | null {
  const { billed } = object ?? {};
  if (!billed || !prices) return null;
  const cents = "sizeGb" in billed ? costOfSnapshot(billed.sizeGb, prices) : costOfServer(billed, prices);
  return cents === undefined ? null : (cents / 100).toFixed(4);
}
