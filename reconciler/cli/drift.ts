/** The verbs of `fleet drift`. */
import type { DriftAnswer, FindingAnswer } from "../operators/drift.ts";
import { FleetRequestError, unwrap } from "./client.ts";
import { confirm } from "./confirm.ts";
import { followAndReport } from "./follow.ts";
import {
  exitCodes,
  printJson,
  type CommandIo,
  type ExitCode,
  type FollowOptions,
  type JsonOption,
} from "./io.ts";
import { describeAge, renderTable, type Column } from "./table.ts";
import type { Tone } from "./terminal.ts";

/** A scan waits for one that runs, and for a budget of requests that others use up. */
const scanTimeoutMs = 15 * 60_000;
const pollMs = 500;

const classTones: Partial<Record<FindingAnswer["class"], Tone>> = { dangerous: "grave", cosmetic: "quiet" };

const columns = (now: Date): Column<FindingAnswer>[] => [
  { title: "NAME", value: (row) => row.name ?? row.subject },
  { title: "CLASS", value: (row) => row.class, tone: (row) => classTones[row.class] },
  { title: "POLICY", value: (row) => row.action },
  { title: "SINCE", value: (row) => describeAge(row.since, now), align: "right" },
  { title: "A MONTH", value: describeCost, align: "right" },
  { title: "WHAT", value: describeDifferences },
];

function describeCost({ monthlyNet, costUnknown }: FindingAnswer): string {
  if (costUnknown) return "?";
  return monthlyNet === null ? "" : Number(monthlyNet).toFixed(2);
}

export function describeDifferences({ differences, refusal, deletion }: FindingAnswer): string {
  const all = differences.map(({ class: severity, kind, objectId, property, expected, seen }) => {
    if (property !== undefined)
      return `${kind} ${property}: ${shorten(seen)} instead of ${shorten(expected)}`;
    const unknown = severity === "leak" || severity === "stateless";
    return unknown ? `${kind}:${objectId} is in no state` : `${kind} is gone`;
  });
  if (refusal !== null) all.push(`not repaired by itself: ${refusal}`);
  if (typeof deletion?.error === "string") all.push(`not deleted: ${deletion.error}`);
  return all.join("; ");
}

function shorten(text = "nothing"): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

export async function driftCommand(
  io: CommandIo,
  options: { json?: boolean; all?: boolean },
): Promise<ExitCode> {
  const answer = await readDrift(io, options.json === true || options.all === true);
  if (options.json) printJson(io, { findings: answer.findings, scans: answer.scans });
  else printDrift(io, answer);
  return exitCodes.ok;
}

/** `all`: every page, else the first. */
async function readDrift(io: CommandIo, all: boolean): Promise<DriftAnswer> {
  const limit = all ? "500" : "100";
  const answer = await unwrap(io.client.drift.$get({ query: { limit } }));
  let { next } = answer;
  if (!all) return answer;
  while (next !== null) {
    const page = await unwrap(io.client.drift.$get({ query: { limit, after: String(next) } }));
    answer.findings.push(...page.findings);
    next = page.next;
  }
  return { ...answer, next };
}

function printDrift(io: CommandIo, { findings, total, next, scans }: DriftAnswer): void {
  io.print(findings.length === 0 ? "no drift is known" : renderTable(columns(io.now()), findings, io.paint));
  if (next !== null) io.note(`${findings.length} of ${total}, the gravest first: fleet drift --all`);
  for (const { account, outcome, startedAt, requests, compared, detail } of scans) {
    const age = describeAge(startedAt, io.now());
    const whole = outcome === "complete" ? `${compared} stacks, ${requests} requests` : undefined;
    const how = [whole, detail].filter((part) => typeof part === "string").join("; ") || "running";
    io.note(`account ${account}: last look ${age} ago, ${how}`);
  }
  if (scans.length === 0) io.note("nobody has looked yet: fleet drift scan");
}

export async function driftScanCommand(io: CommandIo, options: { json?: boolean }): Promise<ExitCode> {
  const { accounts, after } = await unwrap(io.client.drift.scans.$post());
  if (accounts.length === 0) {
    if (options.json) printJson(io, await readDrift(io, false));
    io.note(
      "no cell is up yet: there is nothing to look at\nwhat to do: fleet cells says what they wait for",
    );
    return exitCodes.failed;
  }
  io.note(`looking at ${accounts.length === 1 ? "the account" : "the accounts"} ${accounts.join(", ")}`);
  const answer = await poll(io, "the scan", async () => {
    const now = await readDrift(io, false);
    const done = accounts.every((account) =>
      now.scans.some((scan) => scan.account === account && scan.id > after && scan.endedAt !== null),
    );
    return done ? now : undefined;
  });
  if (options.json) printJson(io, answer);
  else printDrift(io, answer);
  // Of an account that nobody asks any more the last scan says nothing of this one.
  const asked = answer.scans.filter(({ account }) => accounts.includes(account));
  return asked.every(({ outcome }) => outcome === "complete") ? exitCodes.ok : exitCodes.failed;
}

export async function driftRepairCommand(
  io: CommandIo,
  name: string,
  options: FollowOptions & { yes?: boolean } = {},
): Promise<ExitCode> {
  const { findings } = await unwrap(io.client.drift.$get({ query: { name } }));
  const lose = findings.some((one) => one.class === "dangerous");
  const what = `This may replace the server of ${name}, and what is on its disk is lost. Its preview: fleet show ${name}`;
  const stop = lose ? await confirm(io, { what, name, yes: options.yes }) : undefined;
  if (stop !== undefined) return stop;
  const query = lose ? { lose: "true" as const } : {};
  const { after } = await unwrap(io.client.drift.findings[":name"].repair.$post({ param: { name }, query }));
  io.note(`repair of ${name} is queued`);
  return await followAndReport(io, { slug: name, after, kinds: ["up", "destroy"] }, options);
}

export async function driftDeleteCommand(
  io: CommandIo,
  object: string,
  options: { yes?: boolean } & JsonOption,
): Promise<ExitCode> {
  const before = await findOrphan(io, object);
  if (!before) {
    io.note(`no scan found an object ${object} that no state knows\nwhat to do: fleet drift lists them`);
    return exitCodes.notFound;
  }
  const names = before.differences.map(({ name }) => name).join(", ");
  const what = `This deletes ${names} in the account ${before.account}.`;
  const stop = await confirm(io, { what, name: object, yes: options.yes });
  if (stop !== undefined) return stop;
  await unwrap(io.client.drift.objects[":object"].$delete({ param: { object } }));
  io.note(`${object} will be deleted`);
  const after = await poll(io, `the deletion of ${object}`, async () => {
    const now = await findOrphan(io, object);
    if (!now) return "gone";
    return now.deletion?.error ?? undefined;
  });
  if (options.json)
    printJson(io, { object, deleted: after === "gone", ...(after === "gone" ? {} : { error: after }) });
  io.note(after === "gone" ? `${object} is gone` : `${object} was not deleted: ${after}`);
  return after === "gone" ? exitCodes.ok : exitCodes.failed;
}

async function findOrphan(io: CommandIo, object: string): Promise<FindingAnswer | undefined> {
  const { findings } = await unwrap(io.client.drift.$get({ query: { object } }));
  return findings[0];
}

async function poll<T>(io: CommandIo, what: string, look: () => Promise<T | undefined>): Promise<T> {
  const startedMs = io.now().getTime();
  try {
    while (io.now().getTime() < startedMs + scanTimeoutMs) {
      const value = await look();
      if (value !== undefined) return value;
      io.progress(`${what} runs, ${Math.round((io.now().getTime() - startedMs) / 1000)} s`);
      await io.sleep(pollMs);
    }
  } finally {
    io.progress(null);
  }
  throw new FleetRequestError(0, `${what} did not end in time`, "fleet drift shows how it went");
}
