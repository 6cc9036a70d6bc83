/** The command line. Pure. */
import { parseArgs } from "node:util";

export type ChaosOptions = {
  kills: number;
  seed: number;
  settleMs: number;
  /** Only print what would be done. */
  plan: boolean;
  /** Keep the logs of a good run too. */
  keep: boolean;
};

export const usage = `usage: npm run chaos -- [--kills 200] [--seed 1] [--settle-seconds 300] [--plan] [--keep]
  --kills            processes killed, from 1 to 10000
  --seed             the same seed gives the same list of disturbances
  --settle-seconds   how long everything may take to come to rest afterwards
  --plan             print the list of disturbances and do nothing
  --keep             keep the logs also when nothing was found`;

/** @throws Error that says what is wrong. */
export function parseOptions(args: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      "settle-seconds": { type: "string", default: "300" },
      plan: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
    },
  });
  return {
    kills: toNumber("--kills", values.kills, 1, 10_000),
    seed: toNumber("--seed", values.seed, 0, 2 ** 32 - 1),
    settleMs: toNumber("--settle-seconds", values["settle-seconds"], 10, 3600) * 1000,
    plan: values.plan,
    keep: values.keep,
  };
}

function toNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw new Error(`${name} ${text}: a whole number from ${least} to ${most}`);
}
