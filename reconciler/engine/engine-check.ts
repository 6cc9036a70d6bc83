/** Whether runs can work on this machine: engine and provider plugins, asked of a child so that we know neither. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { messageOf } from "../errors.ts";

const run = promisify(execFile);
const program = fileURLToPath(new URL("../../infra/engine/check.ts", import.meta.url));
const answerSchema = z.object({ binFolder: z.string().nullable(), problems: z.array(z.string()) });

export type EngineState = {
  /** Folder with the engine, for PATH; null when there is none. */
  binFolder: string | null;
  /** What is missing and how to get it, a line each. */
  problems: string[];
};

const timeoutMs = 60_000;

export async function checkEngine(environment: Record<string, string>): Promise<EngineState> {
  try {
    const { stdout } = await run(process.execPath, [program], { env: environment, timeout: timeoutMs });
    return answerSchema.parse(JSON.parse(stdout));
  } catch (error) {
    const reason = messageOf(error);
    return { binFolder: null, problems: [`the engine cannot be looked for: ${reason}`] };
  }
}
