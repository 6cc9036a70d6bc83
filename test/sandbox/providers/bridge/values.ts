/** Property bags between the engine's protobuf Structs and plain JavaScript. */
import structs, { type Struct } from "google-protobuf/google/protobuf/struct_pb.js";

export type Bag = Record<string, unknown>;

/** What the engine sends for a value that is not known during a preview. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

export function fromStruct(struct: Struct | undefined): Bag {
  return struct ? struct.toJavaScript() : {};
}

/** Undefined members are dropped: a Struct knows only null. */
export function toStruct(bag: Bag): Struct {
  return structs.Struct.fromJavaScript(JSON.parse(JSON.stringify(bag)));
}

export function secretValue(value: unknown): Bag {
  return { [signatureKey]: secretSignature, value };
}

/** The value inside, for callers that only need it in clear. */
export function unwrapSecret(value: unknown): unknown {
  return isBag(value) && value[signatureKey] === secretSignature ? value["value"] : value;
}

export function isBag(value: unknown): value is Bag {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isUnknown(value: unknown): boolean {
  return value === unknownValue;
}

export function isSame(a: unknown, b: unknown): boolean {
  return stable(a) === stable(b);
}

/** JSON with sorted keys; a set of values can be compared after `sortSet`. */
export function stable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stable).join(",")}]`;
  if (!isBag(value)) return JSON.stringify(value) ?? "null";
  const keys = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .toSorted();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${stable(value[key])}`).join(",")}}`;
}

export function sortSet(value: unknown): unknown {
  return Array.isArray(value) ? value.toSorted((a, b) => (stable(a) < stable(b) ? -1 : 1)) : value;
}

/** `{}` for an absent map, `[]` for an absent list: how the bridge shows what Terraform has as null collections. */
export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
