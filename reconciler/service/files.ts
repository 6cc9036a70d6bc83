/** `stacks/` as a process reads it: a folder, or the commit that the fleet is at. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import type { CellSettings } from "../../infra/config.ts";
import { findApplied, moveApplied } from "../db/git.ts";
import {
  parseFiles,
  parsePlansIn,
  readCellFiles,
  readStackFiles,
  type StackFiles,
} from "../desired/stack-files.ts";
import { messageOf } from "../errors.ts";
import { readFolder, resolveCommit } from "../gitops/git.ts";
import type { Mirror } from "../gitops/mirror.ts";
import type { GitopsSettings } from "../gitops/settings.ts";
import type { RaiseAlert } from "../messages/alerts.ts";

export type FilesReader = (() => Promise<StackFiles>) & {
  last(): StackFiles;
  /** The cells alone, which is less to read. */
  cells(): Promise<ReadonlyMap<string, CellSettings>>;
};

/** Files are read anew each time; while the plans cannot be read, the last good ones stand. */
export function createFilesReader(stacksDir: string, log: Logger, raise: RaiseAlert): FilesReader {
  return withLast(
    () => readStackFiles(stacksDir),
    async () => (await readCellFiles(stacksDir)).cells,
    log,
    raise,
  );
}

/** A fleet that is at no commit yet begins at the branch as it is now. */
export function createCommitReader(
  deps: { sql: Sql; mirror: Mirror; settings: GitopsSettings; clock: { now(): Date } },
  log: Logger,
  raise: RaiseAlert,
): FilesReader {
  const { sql, mirror, settings } = deps;
  let known: { commit: string; files: StackFiles } | undefined;
  const readCommit = async (commit: string): Promise<StackFiles> => {
    // Moved by another process: this one's mirror may not have it yet.
    await resolveCommit(mirror.git, commit).catch(() => mirror.fetch());
    const all = await readFolder(mirror.git, settings.folder, commit);
    const texts = new Map([...all].flatMap(([name, text]) => (text === null ? [] : [[name, text] as const])));
    return { ...parseFiles(texts, settings.folder), plans: parsePlansIn(texts, settings.folder) };
  };
  const begin = async (): Promise<string> => {
    await mirror.fetch();
    const head = await resolveCommit(mirror.git, settings.branch);
    await readCommit(head);
    await moveApplied(sql, { from: undefined, to: head, now: deps.clock.now() });
    return (await findApplied(sql)) ?? head;
  };
  const read = async (): Promise<StackFiles> => {
    const commit = (await findApplied(sql)) ?? (await begin());
    if (known?.commit !== commit) known = { commit, files: await readCommit(commit) };
    return known.files;
  };
  return withLast(read, async () => (await read()).cells, log, raise);
}

function withLast(
  readFiles: () => Promise<StackFiles>,
  cells: FilesReader["cells"],
  log: Logger,
  raise: RaiseAlert,
): FilesReader {
  let last: StackFiles | undefined;
  const read = async (): Promise<StackFiles> => {
    try {
      last = await readFiles();
    } catch (error) {
      if (!last) throw error;
      log.error({ err: error }, "stacks/ cannot be read; the last good state of it stands");
      const message = messageOf(error);
      raise({ kind: "broken_file", about: "stacks/", message });
    }
    return last;
  };
  return Object.assign(read, {
    cells,
    last: () => {
      if (!last) throw new Error("stacks/ has not been read yet");
      return last;
    },
  });
}
