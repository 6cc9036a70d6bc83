/** What differs between the states and the clouds, in classes that a policy can be set for. Pure. */
import type { CloudObject, ExpectedObject, ObjectKind, SeenObject } from "./objects.ts";

/** From harmless to grave; a finding has the gravest class of its differences. */
export const driftClasses = ["cosmetic", "repair", "missing", "leak", "stateless", "dangerous"] as const;
export type DriftClass = (typeof driftClasses)[number];

export type Difference = {
  class: DriftClass;
  kind: ObjectKind;
  /** Id of the object at its cloud. */
  objectId: string;
  name: string;
  /** Of an object that exists on both sides; else absent. */
  property?: string | undefined;
  expected?: string | undefined;
  seen?: string | undefined;
};

/**
 * `cosmetic`: nobody is hurt. `repair`: an up puts it back as it was. `dangerous`: putting it back resizes, moves or replaces
 * the server, or its address is another machine's.
 */
const propertyClasses: Record<ObjectKind, Readonly<Record<string, DriftClass>>> = {
  server: {
    name: "cosmetic",
    labels: "cosmetic",
    firewalls: "repair",
    backups: "repair",
    deleteProtection: "repair",
    rebuildProtection: "repair",
    serverType: "dangerous",
    location: "dangerous",
    ipv4: "dangerous",
    ipv6: "dangerous",
  },
  firewall: { name: "cosmetic", labels: "cosmetic", rules: "repair" },
  attachment: { ip: "dangerous" },
  record: {
    name: "repair",
    type: "repair",
    content: "repair",
    ttl: "repair",
    proxied: "repair",
    comment: "cosmetic",
  },
  network: { name: "cosmetic", labels: "cosmetic", ipRange: "dangerous" },
  subnet: { networkZone: "dangerous" },
  "ssh-key": { name: "cosmetic", labels: "cosmetic", fingerprint: "dangerous" },
  // In no state: it is known by the row of the instance that is made from it.
  snapshot: {},
};

/** An up makes them anew, and what they held is lost: a disk, a network with everybody in it. */
export const irreplaceable: ReadonlySet<ObjectKind> = new Set(["server", "network", "subnet"]);
/** Parts of another object, named after it; they come and go with it. */
const parts: ReadonlySet<ObjectKind> = new Set(["attachment", "subnet"]);

/** What one stack's state says, against everything that the clouds show. */
export function compareStack(
  expected: readonly ExpectedObject[],
  seen: ReadonlyMap<string, SeenObject>,
): Difference[] {
  return expected.flatMap((object) => {
    if (object.leaving) return [];
    const found = seen.get(keyOf(object));
    return found ? compareProperties(object, found) : [missing(object)];
  });
}

export type UnknownObject = { owner: string; difference: Difference };

/** Objects with our label or comment that no state knows: of a stack that lives, or of nobody. */
export function findUnknown(
  known: ReadonlySet<string>,
  seen: Iterable<SeenObject>,
  living: ReadonlySet<string>,
): UnknownObject[] {
  const knownWholes = new Set([...known].map(wholeOf));
  return [...seen].flatMap((object) => {
    const { kind, id: objectId, name, owner } = object;
    const key = keyOf(object);
    if (owner === null || known.has(key)) return [];
    if (parts.has(kind) && !knownWholes.has(wholeOf(key))) return [];
    const difference: Difference = { class: living.has(owner) ? "stateless" : "leak", kind, objectId, name };
    return [{ owner, difference }];
  });
}

/** Of a part the object that it is a part of: an attachment is `<server>-<network>`, a subnet `<network>-<range>`. */
function wholeOf(key: string): string {
  const [kind = "", id = ""] = key.split(":", 2);
  if (kind === "attachment") return `server:${id.split("-")[0]}`;
  return kind === "subnet" ? `network:${id.split("-")[0]}` : key;
}

export function keyOf({ kind, id }: Pick<CloudObject, "kind" | "id">): string {
  return `${kind}:${id}`;
}

/** @throws RangeError for no differences at all. */
export function gravest(differences: readonly Difference[]): DriftClass {
  const found = driftClasses.findLast((one) => differences.some((difference) => difference.class === one));
  if (found === undefined) throw new RangeError("there is no difference");
  return found;
}

/** The state knows it, and no list has it. */
export function isAbsence(difference: Difference): boolean {
  const { class: severity, property } = difference;
  return property === undefined && severity !== "leak" && severity !== "stateless";
}

function missing({ kind, id, name }: ExpectedObject): Difference {
  return { class: irreplaceable.has(kind) ? "dangerous" : "missing", kind, objectId: id, name };
}

function compareProperties(expected: ExpectedObject, seen: SeenObject): Difference[] {
  const { kind, id: objectId, name } = expected;
  return Object.entries(expected.properties).flatMap(([property, value]) => {
    const [before, after] = [show(value), show(seen.properties[property])];
    if (before === after) return [];
    const severity = propertyClasses[kind][property] ?? "repair";
    return [{ class: severity, kind, objectId, name, property, expected: before, seen: after }];
  });
}

/** The same text for the same value, in whatever order its keys come: PostgreSQL keeps them in an order of its own. */
function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null, sortedKeys);
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
