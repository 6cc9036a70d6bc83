/** What `remote.Command` takes: defaults that Check fills in, and what a change of each does. */
import type { ChangeKind, DiffResult } from "../bridge/diff.ts";
import { formatPath, topLevelOf, type Step } from "../bridge/paths.ts";
import type { CheckResult } from "../bridge/plugin.ts";
import {
  bagOf,
  isAbsent,
  isBag,
  isSame,
  isSecret,
  isUnknown,
  makeSecret,
  withoutSecrets,
  type Bag,
} from "../bridge/values.ts";

const inputNames = [
  "addPreviousOutputInEnv",
  "connection",
  "create",
  "delete",
  "environment",
  "logging",
  "stdin",
  "triggers",
  "update",
] as const;

const replacing: ReadonlySet<string> = new Set(["triggers"]);

/** Of a connection and of its proxy. */
const connectionDefaults = { dialErrorLimit: 10, perDialTimeout: 15, port: 22, user: "root" } as const;

/** Defaults are stored with the inputs; the connection is secret whoever gives it. */
export function checkCommand(news: Bag): CheckResult {
  const inputs: Bag = { ...news };
  if (isAbsent(inputs["addPreviousOutputInEnv"])) inputs["addPreviousOutputInEnv"] = true;
  const connection = fillConnection(inputs["connection"]);
  if (connection === undefined) return { inputs, failures: ["Missing required property 'connection'"] };
  inputs["connection"] = isSecret(connection) ? connection : makeSecret(connection);
  const plain = withoutSecrets(connection);
  const hasHost = !isBag(plain) || !isAbsent(plain["host"]);
  return { inputs, failures: hasHost ? [] : ["connection: Missing required property 'host'"] };
}

function fillConnection(value: unknown): unknown {
  if (isAbsent(value)) return undefined;
  if (isSecret(value)) return makeSecret(fillConnection(value["value"]));
  if (!isBag(value)) return value;
  const { proxy } = value;
  return {
    ...connectionDefaults,
    ...value,
    ...(isAbsent(proxy) ? {} : { proxy: fillConnection(proxy) }),
  };
}

export function diffCommand(olds: Bag, news: Bag, ignoreChanges: readonly string[]): DiffResult {
  const old = bagOf(withoutSecrets(olds));
  const wanted = bagOf(withoutSecrets(news));
  const detailed: Record<string, ChangeKind> = {};
  for (const name of inputNames) {
    if (ignoreChanges.includes(name)) continue;
    for (const [path, kind] of compare([name], old[name], wanted[name])) {
      detailed[formatPath(path)] = replacing.has(name) ? `${kind}_REPLACE` : kind;
    }
  }
  const changed = [...new Set(Object.keys(detailed).map(topLevelOf))].toSorted();
  return {
    changed,
    replaces: changed.filter((name) => replacing.has(name)),
    detailed,
    deleteBeforeReplace: false,
    stables: [],
  };
}

type Difference = [path: Step[], kind: "ADD" | "DELETE" | "UPDATE"];

function compare(path: Step[], old: unknown, wanted: unknown): Difference[] {
  if (isAbsent(old)) return isAbsent(wanted) ? [] : [[path, "ADD"]];
  if (isAbsent(wanted)) return [[path, "DELETE"]];
  if (isUnknown(wanted) || isSame(old, wanted)) return isSame(old, wanted) ? [] : [[path, "UPDATE"]];
  if (Array.isArray(old) && Array.isArray(wanted)) {
    const length = Math.max(old.length, wanted.length);
    return Array.from({ length }, (_, index) => index).flatMap((index) =>
      compare([...path, index], old[index], wanted[index]),
    );
  }
  if (!isBag(old) || !isBag(wanted)) return [[path, "UPDATE"]];
  const names = [...new Set([...Object.keys(old), ...Object.keys(wanted)])].toSorted();
  return names.flatMap((name) => compare([...path, name], old[name], wanted[name]));
}
