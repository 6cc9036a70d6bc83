/** Proves that every process which somebody in this process starts is seen with its number, as long as it is watched for. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { watchProcesses } from "../../infra/started-processes.ts";

test("processes are seen by their number, whichever way they are started, until nobody watches", async () => {
  const seen: number[] = [];
  const stop = watchProcesses((pid) => void seen.push(pid));
  const spawned = spawn(process.execPath, ["-e", ""]);
  const executed = execFile(process.execPath, ["-e", ""]);
  const absent = spawn("/nowhere/there-is-no-such-program");
  await Promise.all([once(spawned, "exit"), once(executed, "exit"), once(absent, "error")]);
  expect(new Set(seen)).toEqual(new Set([spawned.pid, executed.pid]));
  stop();
  await once(spawn(process.execPath, ["-e", ""]), "exit");
  expect(seen).toHaveLength(2);
});
