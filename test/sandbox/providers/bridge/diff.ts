/** The Diff step: the planned state against the old one, property by property. */
import type { ResourceDefinition } from "./definition.ts";
import { isZero, type Field, type Fields } from "./fields.ts";
import { formatPath, topLevelOf, type Step } from "./paths.ts";
import { editList, editSet } from "./sequences.ts";
import { isAbsent, isBag, isSame, isUnknown, stable, type Bag } from "./values.ts";

type Kind = "ADD" | "DELETE" | "UPDATE";
export type ChangeKind = Kind | `${Kind}_REPLACE`;

export type DiffResult = {
  /** Top-level names that differ, sorted. */
  changed: string[];
  replaces: string[];
  /** By path; undefined for the framework half, which tells none. */
  detailed: Record<string, ChangeKind> | undefined;
  deleteBeforeReplace: boolean;
  stables: string[];
};

type Diffed = Pick<ResourceDefinition<unknown>, "style" | "fields" | "autoname">;

/** `inputs` with their marks: whether a name was made up decides the order of a replacement. */
export function diffStates(definition: Diffed, prior: Bag, planned: Bag, inputs: Bag): DiffResult {
  return definition.style === "sdkv2"
    ? diffSdk(definition, prior, planned, inputs)
    : diffFramework(definition.fields, prior, planned);
}

function diffSdk(definition: Diffed, prior: Bag, planned: Bag, inputs: Bag): DiffResult {
  const detailed: Record<string, ChangeKind> = {};
  for (const [name, field] of Object.entries(definition.fields)) {
    for (const [path, kind] of diffField([name], field, prior[name], planned[name])) {
      detailed[formatPath(path)] = field.replace ? `${kind}_REPLACE` : kind;
    }
  }
  const tops = (paths: string[]) => [...new Set(paths.map(topLevelOf))].toSorted();
  const replaces = tops(Object.keys(detailed).filter((path) => detailed[path]?.endsWith("_REPLACE")));
  return {
    changed: tops(Object.keys(detailed)),
    replaces,
    detailed,
    deleteBeforeReplace: replaces.length > 0 && definition.autoname === true && isNamedByUser(inputs),
    stables: Object.keys(definition.fields)
      .filter((name) => definition.fields[name]?.replace && !replaces.includes(name))
      .toSorted(),
  };
}

/** The framework half compares strictly and never asks to delete first. */
function diffFramework(fields: Fields, prior: Bag, planned: Bag): DiffResult {
  const changed = Object.keys(fields)
    .filter((name) => !isSameValue(fields[name], prior[name], planned[name]))
    .toSorted();
  return {
    changed,
    replaces: changed.filter((name) => fields[name]?.replace),
    detailed: undefined,
    deleteBeforeReplace: false,
    stables: [],
  };
}

function isSameValue(field: Field | undefined, old: unknown, wanted: unknown): boolean {
  if (field?.type === "set" && Array.isArray(old) && Array.isArray(wanted)) {
    return isSame(old.toSorted(byContent), wanted.toSorted(byContent));
  }
  return isSame(old ?? null, wanted ?? null);
}

function byContent(a: unknown, b: unknown): number {
  return stable(a) < stable(b) ? -1 : 1;
}

type Difference = [path: Step[], kind: Kind];

function diffField(path: Step[], field: Field, old: unknown, wanted: unknown): Difference[] {
  const was = isPresent(old);
  if (isUnknown(wanted)) return [[path, was ? "UPDATE" : "ADD"]];
  if (!isPresent(wanted)) return was && !isZero(old) ? [[path, "DELETE"]] : [];
  if (!was) return isZero(wanted) ? [] : [[path, "ADD"]];
  if (field.type === "map" && isBag(old) && isBag(wanted)) return diffMap(path, old, wanted);
  if (Array.isArray(old) && Array.isArray(wanted)) return diffSequence(path, field, old, wanted);
  return isSame(old, wanted) ? [] : [[path, "UPDATE"]];
}

/** An empty collection is no value to the bridge. */
function isPresent(value: unknown): boolean {
  if (isAbsent(value)) return false;
  if (Array.isArray(value)) return value.length > 0;
  return !isBag(value) || Object.keys(value).length > 0;
}

function diffMap(path: Step[], old: Bag, wanted: Bag): Difference[] {
  const keys = new Set([...Object.keys(old), ...Object.keys(wanted)]);
  return [...keys].flatMap((key) => diffField([...path, key], { type: "string" }, old[key], wanted[key]));
}

function diffSequence(path: Step[], field: Field, old: unknown[], wanted: unknown[]): Difference[] {
  const same = (a: unknown, b: unknown) => isSameMember(field, a, b);
  if (field.type === "list" && field.fields) {
    const length = Math.max(old.length, wanted.length);
    return Array.from({ length }, (_, index) => index).flatMap((index) =>
      same(old[index], wanted[index])
        ? []
        : diffMember([...path, index], field.fields ?? {}, old[index], wanted[index]),
    );
  }
  const { removed, added } = field.type === "list" ? editList(old, wanted, same) : editSet(old, wanted, same);
  const places = [...new Set([...removed, ...added])].toSorted((a, b) => a - b);
  return places.flatMap((index) =>
    diffMember(
      [...path, index],
      field.fields,
      removed.includes(index) ? old[index] : undefined,
      added.includes(index) ? wanted[index] : undefined,
    ),
  );
}

function diffMember(path: Step[], fields: Fields | undefined, old: unknown, wanted: unknown): Difference[] {
  if (isAbsent(old)) return [[path, "ADD"]];
  if (isAbsent(wanted)) return [[path, "DELETE"]];
  if (!fields || !isBag(old) || !isBag(wanted)) return [[path, "UPDATE"]];
  return Object.entries(fields).flatMap(([name, field]) =>
    field.computed && isUnknown(wanted[name])
      ? []
      : diffField([...path, name], field, old[name], wanted[name]),
  );
}

/** What the cloud decides in a member does not tell members apart. */
function isSameMember(field: Field, old: unknown, wanted: unknown): boolean {
  const { fields } = field;
  if (!fields || !isBag(old) || !isBag(wanted)) return isSame(old, wanted);
  return Object.entries(fields).every(([name, inner]) => {
    if ((inner.computed || inner.output) && isUnknown(wanted[name])) return true;
    return diffField([name], inner, old[name], wanted[name]).length === 0;
  });
}

function isNamedByUser(inputs: Bag): boolean {
  const defaults = inputs["__defaults"];
  return !isAbsent(inputs["name"]) && Array.isArray(defaults) && !defaults.includes("name");
}
