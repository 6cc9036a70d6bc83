/** Configuration of drift from the environment. */
import { z } from "zod";
import { defaultPolicy, parsePolicy, type DriftPolicy } from "./policy.ts";

/** Beside the other variables of every role. */
export const driftVariables = {
  /** Time between two looks; 0 never looks. Asked for by `serve`, done by `work`. */
  CLAWFLEET_DRIFT_SECONDS: z.coerce.number().min(0).max(604_800).default(3600),
  /** `<class>=<action>` of those that are not to be as by default. */
  CLAWFLEET_DRIFT_POLICY: z.string().default("").transform(readPolicy),
  CLAWFLEET_DRIFT_REPAIRS_PER_HOUR: z.coerce.number().int().min(0).default(10),
};

/** `intervalMs` 0: never. */
export type DriftSettings = { intervalMs: number; policy: DriftPolicy; repairsPerHour: number };

export function toDriftSettings(env: z.output<z.ZodObject<typeof driftVariables>>): DriftSettings {
  return {
    intervalMs: env.CLAWFLEET_DRIFT_SECONDS * 1000,
    policy: env.CLAWFLEET_DRIFT_POLICY,
    repairsPerHour: env.CLAWFLEET_DRIFT_REPAIRS_PER_HOUR,
  };
}

function readPolicy(text: string, context: z.core.$RefinementCtx<string>): DriftPolicy {
  try {
    return parsePolicy(text);
  } catch (error) {
    context.addIssue(error instanceof Error ? error.message : "not a policy");
    return defaultPolicy;
  }
}
