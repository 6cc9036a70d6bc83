/** What operators see of drift, and what they order about it. */
import { listCells } from "../db/cells.ts";
import { readDatabaseTime } from "../db/database.ts";
import {
  listLastScans,
  listScanned,
  markDeletion,
  markRepairs,
  type FindingRow,
  type ScanRow,
} from "../db/drift.ts";
import { readFindings, type FindingPageInput } from "../db/drift-page.ts";
import { findInstance } from "../db/instances.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import type { Difference } from "../drift/compare.ts";
import { isLostSnapshot, snapshotLost } from "../drift/lost-snapshots.ts";
import { findUnknownDifference } from "../drift/orphans.ts";
import { toDriftJob } from "../drift/scan.ts";
import { permanent, type ClawfleetError } from "../errors.ts";
import { refuseWhileLeftAlone } from "./left-alone.ts";
import { archived, isArchived, refused } from "./problems.ts";

export type ScanAnswer = Omit<ScanRow, "startedAt" | "endedAt"> & {
  startedAt: string;
  endedAt: string | null;
};
export type FindingAnswer = {
  id: number;
  subject: string;
  /** Stack that it is about; null for an object that nobody owns. */
  name: string | null;
  account: string;
  class: string;
  action: string;
  differences: Difference[];
  monthlyNet: string | null;
  /** It costs something, and nobody knows how much. */
  costUnknown: boolean;
  since: string;
  repairAt: string | null;
  /** Why it is not repaired unasked. */
  refusal: string | null;
  deletion: FindingRow["deletion"];
};
export type DriftAnswer = {
  /** A page of them, the gravest first. */
  findings: FindingAnswer[];
  total: number;
  /** What the pages beside this one go on from. */
  previous: number | null;
  next: number | null;
  scans: ScanAnswer[];
};

/** Of one instance: its own finding, and one for each object of its name that no state knows. */
const maxOfOne = 1000;

type Deps = Pick<ApplyDeps, "sql" | "queue" | "clock">;

export type DriftOperators = {
  read(page: FindingPageInput): Promise<DriftAnswer>;
  /** The highest id of a scan so far. */
  findLastScanId(): Promise<number>;
  /** Of every account. Returns their names. */
  scan(actor: string): Promise<string[]>;
  /** `mayLose`: a person who may delete has said that a server, and what is on its disk, may be lost. @throws not_found, conflict */
  repair(input: { name: string; mayLose: boolean; actor: string }): Promise<void>;
  /** `object`: `<kind>:<id>`. @throws not_found */
  deleteOrphan(input: { object: string; actor: string }): Promise<void>;
};

export function createDriftOperators(deps: Deps): DriftOperators {
  const { sql, queue, clock } = deps;
  return {
    async read(page) {
      const [{ rows, ...beside }, scans] = await Promise.all([readFindings(sql, page), listLastScans(sql)]);
      return { findings: rows.map(toFindingAnswer), ...beside, scans: scans.map(toScanAnswer) };
    },
    findLastScanId: async () => Math.max(0, ...(await listLastScans(sql)).map(({ id }) => id)),
    async scan(actor) {
      const cells = (await listCells(sql)).filter(({ ready }) => ready);
      const accounts = [...new Set(cells.map(({ account }) => account))];
      for (const account of accounts) await queue.requestDrift(sql, { kind: "scan", account, actor });
      return accounts;
    },
    async repair({ name, mayLose, actor }) {
      const { rows } = await readFindings(sql, { name, limit: maxOfOne });
      const finding = rows.find(isRepairable);
      if (!finding) throw unknown(`nothing is known to have drifted at ${name}`);
      const now = clock.now();
      const stack = (await listScanned(sql, await readDatabaseTime(sql))).find(
        ({ id }) => id === finding.subject,
      );
      if (!stack) throw unknown(`${name} does not live any more`);
      const row = stack.instanceId === null ? undefined : await findInstance(sql, name);
      if (row) await refuseWhileLeftAlone(sql, row);
      const lost = finding.differences.find(isLostSnapshot);
      if (lost) throw snapshotLost({ slug: name, snapshotId: lost.objectId });
      if (row && isArchived(row)) throw archived(row);
      if (finding.class === "dangerous" && !mayLose) throw dangerous(name);
      await sql.begin(async (tx) => {
        await markRepairs(tx, [finding.id], { actor, now });
        await queue.enqueueConverge(tx, toDriftJob(stack, "converge", actor));
      });
    },
    async deleteOrphan({ object, actor }) {
      const { rows } = await readFindings(sql, { object, limit: 1 });
      const finding = rows.find((one) => findUnknownDifference(one, object));
      if (!finding) throw unknown(`no scan found an object ${object} that no state knows`);
      await sql.begin(async (tx) => {
        await markDeletion(tx, finding.id, { actor, at: clock.now().toISOString(), error: null });
        const { account, id: findingId } = finding;
        await queue.requestDrift(tx, { kind: "delete", account, actor, findingId, object });
      });
    },
  };
}

/** Everything else comes free with them. */
const paid: ReadonlySet<Difference["kind"]> = new Set(["server", "snapshot"]);

/** Unknown objects are in no state: they are deleted on command alone. */
function isRepairable(finding: FindingRow): boolean {
  return finding.class !== "leak" && finding.class !== "stateless";
}

function toFindingAnswer(row: FindingRow): FindingAnswer {
  const { id, subject, slug: name, account, action, differences, monthlyNet, refusal, deletion } = row;
  return {
    id,
    subject,
    name,
    account,
    class: row.class,
    action,
    differences,
    monthlyNet,
    costUnknown: monthlyNet === null && !isRepairable(row) && differences.some(({ kind }) => paid.has(kind)),
    since: row.since.toISOString(),
    repairAt: row.repairAt?.toISOString() ?? null,
    refusal,
    deletion,
  };
}

function toScanAnswer(row: ScanRow): ScanAnswer {
  return { ...row, startedAt: row.startedAt.toISOString(), endedAt: row.endedAt?.toISOString() ?? null };
}

function unknown(message: string): ClawfleetError {
  return permanent("not_found", message, "fleet drift scan looks now; fleet drift lists what was found");
}

function dangerous(name: string): ClawfleetError {
  return refused(
    `putting ${name} right may replace its server, and what is on its disk is lost`,
    `look at the preview in fleet show ${name}; then fleet drift repair ${name}, with a key that has the scope delete`,
  );
}
