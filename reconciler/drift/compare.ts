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
  property?: string;
  expected?: string;
  seen?: string;
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
};

/** What one instance's state says, against everything that the clouds show. */
export function compareInstance(
  expected: readonly ExpectedObject[],
  seen: ReadonlyMap<string, SeenObject>,
): Difference[] {
  return expected.flatMap((object) => {
    const found = seen.get(keyOf(object));
    return found ? compareProperties(object, found) : [missing(object)];
  });
}

/** Objects with our label or comment that no state knows: of an instance that lives, or of nobody. */
export function findUnknown(
  known: ReadonlySet<string>,
  seen: Iterable<SeenObject>,
  living: ReadonlySet<string>,
): { instanceId: string | null; difference: Difference }[] {
  return [...seen].flatMap((object) => {
    if (known.has(keyOf(object))) return [];
    const owned = object.instanceId !== null && living.has(object.instanceId);
    const { kind, id: objectId, name } = object;
    const difference: Difference = { class: owned ? "stateless" : "leak", kind, objectId, name };
    return [{ instanceId: object.instanceId, difference }];
  });
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

function missing({ kind, id, name }: ExpectedObject): Difference {
  // An up would make a new server, with an empty disk.
  return { class: kind === "server" ? "dangerous" : "missing", kind, objectId: id, name };
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

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}
