/** What every run of the Pulumi CLI gets, by hand or from a worker. Pure. */
import { delimiter, dirname } from "node:path";
import { backendEnvironment } from "../backend.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Levers measured for this use: no plugin is looked for on the network during a run, no update check, no second copy of
 * each state. A value that is set already wins.
 */
const levers: Record<string, string> = {
  PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  PULUMI_SKIP_UPDATE_CHECK: "true",
  PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
};

/** `environment` with the engine and our Node first on PATH, the levers, and the backend's default. */
export function withEngine(
  environment: Environment,
  engineBinFolder: string,
  nodeBinary: string,
): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) defined[name] = value;
  const path = [engineBinFolder, dirname(nodeBinary), defined["PATH"] ?? ""].filter(Boolean).join(delimiter);
  return {
    ...levers,
    ...defined,
    PATH: path,
    ...backendEnvironment(defined),
  };
}
