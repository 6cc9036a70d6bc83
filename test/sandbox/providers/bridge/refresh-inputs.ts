/** Inputs after a refresh: what was given stays given, with the values that the cloud has now. Source: the bridge's `extractInputs`. */
import type { ResourceDefinition } from "./definition.ts";
import { isBlock, isList, isZero, type Field, type Fields } from "./fields.ts";
import { isAbsent, isBag, isSame, type Bag } from "./values.ts";

type Refreshed = Pick<ResourceDefinition<unknown>, "style" | "fields">;

/** `old` empty: the resource is imported or looked up, and its inputs are made from the state. */
export function refreshInputs(definition: Refreshed, old: Bag, state: Bag, isRefresh: boolean): Bag {
  if (!isRefresh) return inputsFromState(definition, state);
  const { inputs } = extractObject(definition.fields, old, state);
  return clean(inputs, definition.style === "sdkv2") as Bag;
}

function extractObject(fields: Fields, old: Bag, state: Bag): { inputs: Bag; possibleDefault: boolean } {
  const listed = old["__defaults"];
  const defaults = new Set(Array.isArray(listed) ? listed.map(String) : []);
  const inputs: Bag = {};
  let possibleDefault = true;
  for (const [name, value] of Object.entries(old)) {
    if (name === "__defaults") continue;
    const extracted = name in state ? extract(fields[name], value, state[name]) : undefined;
    if (extracted && !isAbsent(extracted.value)) inputs[name] = extracted.value;
    if (extracted?.isDefault) continue;
    possibleDefault = false;
    defaults.delete(name);
  }
  if (Array.isArray(listed)) inputs["__defaults"] = [...defaults].toSorted();
  return { inputs, possibleDefault: possibleDefault || !Array.isArray(listed) };
}

type Extracted = { value: unknown; isDefault: boolean };

function extract(field: Field | undefined, old: unknown, now: unknown): Extracted {
  if (field?.stateOf && typeof old === "string") return { value: old, isDefault: field.stateOf(old) === now };
  if (Array.isArray(old) && Array.isArray(now)) return extractList(field, old, now);
  if (isBag(old) && isBag(now)) {
    if (field?.fields) {
      const { inputs, possibleDefault } = extractObject(field.fields, old, now);
      return { value: inputs, isDefault: possibleDefault };
    }
    const kept = Object.keys(old).flatMap((key) => (key in now ? [[key, now[key]]] : []));
    return { value: Object.fromEntries(kept), isDefault: isSame(old, now) };
  }
  return { value: now, isDefault: isSame(old, now) };
}

/** Only members that were given are kept; what another hand added shows in the state alone. */
function extractList(field: Field | undefined, old: unknown[], now: unknown[]): Extracted {
  const places = matchMembers(field, old, now);
  const extracted = old.flatMap((member, index) => {
    const place = places ? places.get(index) : index;
    if (place === undefined || place >= now.length) return [];
    return [extract(memberField(field), member, now[place])];
  });
  return {
    value: extracted.map((one) => one.value),
    isDefault: extracted.length === old.length && extracted.every((one) => one.isDefault),
  };
}

/** Members of a set of objects are found again by how much they have in common; everything else by its place. */
function matchMembers(
  field: Field | undefined,
  old: unknown[],
  now: unknown[],
): Map<number, number> | undefined {
  if (field?.type !== "set" || ![...old, ...now].every(isBag)) return undefined;
  const candidates = old.flatMap((before, from) =>
    now.map((after, to) => ({ from, to, score: likeness(before, after) })),
  );
  const matches = new Map<number, number>();
  const taken = new Set<number>();
  for (const { from, to } of candidates.toSorted((a, b) => b.score - a.score)) {
    if (matches.has(from) || taken.has(to)) continue;
    matches.set(from, to);
    taken.add(to);
  }
  return matches;
}

function likeness(before: unknown, after: unknown): number {
  if (!isBag(before) || !isBag(after)) return 0;
  return Object.keys(before)
    .filter((key) => key in after)
    .reduce((score, key) => score + (isSame(before[key], after[key]) ? 3 : 1), 0);
}

function memberField(field: Field | undefined): Field | undefined {
  return field?.fields ? { type: "object", fields: field.fields } : undefined;
}

/** Empty `__defaults` are not kept; the framework half has none at all. */
function clean(value: unknown, keepDefaults: boolean): unknown {
  if (Array.isArray(value)) return value.map((member) => clean(member, keepDefaults));
  if (!isBag(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => key !== "__defaults" || (keepDefaults && !isZero(member)))
      .map(([key, member]) => [key, clean(member, keepDefaults)]),
  );
}

function inputsFromState({ style, fields }: Refreshed, state: Bag): Bag {
  const inputs: Bag = {};
  for (const [name, field] of Object.entries(fields)) {
    const value = state[name];
    if (field.output || (!field.required && (isZero(value) || isSame(value, field.default)))) continue;
    inputs[name] = isBlock(field) && isList(field) ? blocksFromState(field, value) : value;
  }
  return style === "sdkv2" ? { ...inputs, __defaults: [] } : inputs;
}

function blocksFromState(field: Field, value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((member) =>
    isBag(member) ? inputsFromState({ style: "sdkv2", fields: field.fields ?? {} }, member) : member,
  );
}
