/** The Diff step: desired inputs against the state, property by property. */
import type { Property, ResourceDefinition } from "./definition.ts";
import { isBag, isSame, isUnknown, sortSet, type Bag } from "./values.ts";

export type ChangeKind = "ADD" | "ADD_REPLACE" | "DELETE" | "DELETE_REPLACE" | "UPDATE" | "UPDATE_REPLACE";

export type DiffResult = {
  changed: string[];
  replaces: string[];
  detailed: Record<string, ChangeKind>;
  deleteBeforeReplace: boolean;
  stables: string[];
};

export function diffResource(definition: ResourceDefinition, state: Bag, inputs: Bag): DiffResult {
  const changed: string[] = [];
  const replaces: string[] = [];
  const detailed: Record<string, ChangeKind> = {};
  for (const [name, property] of Object.entries(definition.properties)) {
    if (property.output || name === "__defaults") continue;
    const change = compare(property, state[name], inputs[name]);
    if (!change) continue;
    changed.push(name);
    if (property.replace) replaces.push(name);
    for (const [path, kind] of details(name, property, state[name], inputs[name], change)) {
      detailed[path] = property.replace ? `${kind}_REPLACE` : kind;
    }
  }
  return {
    changed,
    replaces,
    detailed,
    deleteBeforeReplace:
      replaces.length > 0 && definition.style === "sdkv2" && isNamedByUser(definition, inputs),
    stables: definition.style === "sdkv2" ? stablesOf(definition, replaces) : [],
  };
}

type PlainKind = "ADD" | "DELETE" | "UPDATE";

function compare(property: Property, old: unknown, given: unknown): PlainKind | undefined {
  const wanted = given ?? property.default;
  if (wanted === undefined || wanted === null) {
    // Terraform knows no difference between nothing and a zero value.
    if (property.computed || isEmpty(old) || old === 0 || old === "" || old === false) return undefined;
    return "DELETE";
  }
  if (isUnknown(wanted)) return "UPDATE";
  const stored = property.toState ? property.toState(wanted) : wanted;
  if (isEmpty(stored) && isEmpty(old)) return undefined;
  if (equal(property, stored, old)) return undefined;
  if (isEmpty(stored)) return "DELETE";
  return isEmpty(old) && property.kind !== "boolean" ? "ADD" : "UPDATE";
}

function equal(property: Property, wanted: unknown, old: unknown): boolean {
  if (property.kind === "set") return isSame(sortSet(withoutNulls(wanted)), sortSet(withoutNulls(old)));
  return isSame(withoutNulls(wanted), withoutNulls(old));
}

/** The state shows absent members as "" or []; the inputs leave them out. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isBag(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => key !== "__defaults" && !isEmpty(member) && member !== "")
      .map(([key, member]) => [
        key,
        Array.isArray(member) ? sortSet(withoutNulls(member)) : withoutNulls(member),
      ]),
  );
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isBag(value) && Object.keys(value).length === 0;
}

/** Maps are told key by key, everything else as a whole. */
function details(
  name: string,
  property: Property,
  old: unknown,
  given: unknown,
  change: PlainKind,
): [string, PlainKind][] {
  if (property.kind !== "map" || !isBag(old) || !isBag(given)) return [[name, change]];
  const keys = new Set([...Object.keys(old), ...Object.keys(given)]);
  return [...keys]
    .filter((key) => !isSame(old[key], given[key]))
    .map((key) => [`${name}.${key}`, !(key in given) ? "DELETE" : key in old ? "UPDATE" : "ADD"]);
}

function isNamedByUser(definition: ResourceDefinition, inputs: Bag): boolean {
  if (!("name" in definition.properties)) return false;
  const defaults = inputs["__defaults"];
  return inputs["name"] !== undefined && !(Array.isArray(defaults) && defaults.includes("name"));
}

function stablesOf(definition: ResourceDefinition, replaces: readonly string[]): string[] {
  return Object.entries(definition.properties)
    .filter(([name, property]) => property.replace && !replaces.includes(name))
    .map(([name]) => name)
    .toSorted();
}
