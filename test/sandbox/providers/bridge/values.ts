/** Property bags between the engine's protobuf Structs and plain JavaScript, with the engine's special values. */
import structs, { type Struct } from "google-protobuf/google/protobuf/struct_pb.js";

export type Bag = Record<string, unknown>;

/** What stands for a string that is not known during a preview; outputs of any type are sent as this one. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** One for each type of value (source: `go/common/resource/plugin/rpc.go` of the engine). */
const unknownValues: ReadonlySet<unknown> = new Set([
  unknownValue,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

export function fromStruct(struct: Struct | undefined): Bag {
  return struct ? struct.toJavaScript() : {};
}

/** Undefined members are dropped: a Struct knows only null. */
export function toStruct(bag: Bag): Struct {
  return structs.Struct.fromJavaScript(JSON.parse(JSON.stringify(bag)));
}

export function isBag(value: unknown): value is Bag {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function bagOf(value: unknown): Bag {
  return isBag(value) ? value : {};
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function isUnknown(value: unknown): boolean {
  return unknownValues.has(value);
}

/** Null, or not there at all. */
export function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

export function makeSecret(value: unknown): Bag {
  return { [signatureKey]: secretSignature, value };
}

export function isSecret(value: unknown): value is Bag {
  return isBag(value) && value[signatureKey] === secretSignature;
}

/** The whole value in clear. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (!isBag(value)) return value;
  if (isSecret(value)) return withoutSecrets(value["value"]);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withoutSecrets(member)]));
}

export function isSame(a: unknown, b: unknown): boolean {
  return a === b || stable(a) === stable(b);
}

/** JSON with sorted keys: equal for equal data. */
export function stable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stable).join(",")}]`;
  if (!isBag(value)) return JSON.stringify(value) ?? "null";
  const keys = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .toSorted();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${stable(value[key])}`).join(",")}}`;
}
