/** A folder for everything temporary of a run, other tools' caches included, so that nothing of it is left behind. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Sets TMPDIR for this process and its children while `work` runs, then removes the folder, also on SIGINT and SIGTERM. */
export async function withScratchTmp<T>(work: () => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "clawfleet-test-"));
  // The embedded PostgreSQL of a run as root belongs to another user.
  chmodSync(folder, 0o755);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder;
  const clean = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  const stop = () => {
    clean();
    process.exit(130);
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    return await work();
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    clean();
  }
}
