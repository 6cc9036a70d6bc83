/** Commands of the lab's host that have to succeed. */
import { runCommand } from "../../../infra/engine/tools.ts";

/** @throws with what the command said. */
export async function mustRun(command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, args, { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${(stderr || stdout).trim()}`);
  return stdout;
}
