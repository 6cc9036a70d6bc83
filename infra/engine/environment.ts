/** What every run of the Pulumi CLI gets, by hand or from a worker. Pure. */
import { delimiter, dirname } from "node:path";
import { backendEnvironment } from "../backend.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Levers measured for this use. A value that is set already wins. */
const levers: Record<string, string> = {
  // Nothing is looked for on the network during a run.
  PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  PULUMI_SKIP_UPDATE_CHECK: "true",
  // No second copy of each state.
  PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
  // Every start of the CLI would list the states of the whole fleet, in search of a layout that ours never had.
  PULUMI_DIY_BACKEND_NO_LEGACY_WARNING: "true",
  // A run has no configuration file, and the salt of the secrets is in the state: without this every run makes a new salt.
  PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true",
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

/** What the CLI gets from a runner beside what it inherits: levers that are not set otherwise, and the backend. */
export function engineEnvironment(environment: Environment): Record<string, string> {
  const unset = Object.entries(levers).filter(([name]) => environment[name] === undefined);
  return { ...Object.fromEntries(unset), ...backendEnvironment(environment) };
}
