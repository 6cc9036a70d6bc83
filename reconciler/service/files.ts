/** `stacks/` as a process reads it. */
import type { Logger } from "pino";
import { readStackFiles, type StackFiles } from "../desired/stack-files.ts";
import type { RaiseAlert } from "../messages/alerts.ts";

export type FilesReader = (() => Promise<StackFiles>) & { last(): StackFiles };

/** Files are read anew each time; while the plans cannot be read, the last good ones stand. */
export function createFilesReader(stacksDir: string, log: Logger, raise: RaiseAlert): FilesReader {
  let last: StackFiles | undefined;
  const read = async (): Promise<StackFiles> => {
    try {
      last = await readStackFiles(stacksDir);
    } catch (error) {
      if (!last) throw error;
      log.error({ err: error }, "stacks/ cannot be read; the last good state of it stands");
      const message = error instanceof Error ? error.message : String(error);
      raise({ kind: "broken_file", about: "stacks/", message });
    }
    return last;
  };
  return Object.assign(read, {
    last: () => {
      if (!last) throw new Error("stacks/ has not been read yet");
      return last;
    },
  });
}
