/** How the properties of a bridged resource are described: names, types, what a change does. Data only. */
import type { Bag } from "./values.ts";

export type ScalarType = "string" | "integer" | "number" | "boolean";
export type FieldType = ScalarType | "list" | "set" | "map" | "object";

export type Field = {
  type: FieldType;
  /** Members of a list, set or map that are scalars. Default: string. */
  items?: ScalarType;
  /** Members of a list or set that are objects, or the object's own. */
  fields?: Fields;
  /** Name in Terraform. Default: the Pulumi name in snake case. */
  terraform?: string;
  /** Must be given. */
  required?: boolean;
  /** Only an output. */
  output?: boolean;
  /** May come from the provider: when nothing is given, the state's value stays and is no difference. */
  computed?: boolean;
  /** When nothing is given any more, what the state has stays: Terraform's suppressed difference. */
  sticky?: boolean;
  /** Taken when nothing is given. */
  default?: unknown;
  /** A change replaces the resource. */
  replace?: boolean;
  /** Framework half: every update may change it, so a preview shows it as unknown. */
  volatile?: boolean;
  /** What the state holds instead of the input, e.g. a hash. */
  stateOf?: (value: string) => string;
  /** True when `wanted` says the same as what the state holds; the state's value stays. */
  sameAs?: (stored: unknown, wanted: unknown, inputs: Bag) => boolean;
  /** Why a value is refused, for Check. */
  refuse?: (value: unknown) => string | undefined;
  /** Where the API's object holds it: a path, or what to make of the object; `known` is what is known without it. */
  from?: string | ((seen: Bag, known: Bag) => unknown);
};

export type Fields = Readonly<Record<string, Field>>;

/** `sdkv2` and `framework` are the two kits that Terraform providers are written with; the bridge treats them differently. */
export type Style = "sdkv2" | "framework";

/** Terraform's nested blocks are never null, only empty. */
export function isBlock(field: Field): boolean {
  return field.fields !== undefined && isList(field);
}

export function isList(field: Field): boolean {
  return field.type === "list" || field.type === "set";
}

export function isCollection(field: Field): boolean {
  return isList(field) || field.type === "map";
}

export function terraformName(name: string, field: Field): string {
  return field.terraform ?? snakeCase(name);
}

/** What the bridge itself would call it, without a schema. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A zero value says as little as nothing at all to Terraform's older kit. */
export function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === "" || value === 0 || value === false;
}
