/** The Check step: required arguments, a made-up name, and the bridge's own bookkeeping. */
import { createHash } from "node:crypto";
import type { ResourceDefinition } from "./definition.ts";
import { isBag, isUnknown, type Bag } from "./values.ts";

export type CheckResult = { inputs: Bag; failures: string[] };

export function checkInputs(
  definition: ResourceDefinition,
  news: Bag,
  olds: Bag,
  context: { logicalName: string; randomSeed: Uint8Array },
): CheckResult {
  const inputs: Bag = { ...news };
  delete inputs["__defaults"];
  const defaulted: string[] = [];
  if (definition.autoname && inputs["name"] === undefined) {
    inputs["name"] = wasDefaulted(olds, "name") ? olds["name"] : autoname(context);
    defaulted.push("name");
  }
  const failures = [
    ...missing(definition, inputs, context.logicalName),
    ...(definition.check?.(inputs) ?? []).map(
      (reason) => `${reason}. Examine values at '${context.logicalName}'.`,
    ),
  ];
  if (definition.style === "native") addDefaults(definition, inputs);
  if (definition.style === "sdkv2") {
    inputs["__defaults"] = defaulted;
    markBlocks(definition, inputs);
  }
  return { inputs, failures };
}

/** The command provider's framework fills them in before the engine compares. */
function addDefaults(definition: ResourceDefinition, inputs: Bag): void {
  for (const [name, property] of Object.entries(definition.properties)) {
    if (property.default !== undefined && inputs[name] === undefined) inputs[name] = property.default;
  }
}

function missing(definition: ResourceDefinition, inputs: Bag, logicalName: string): string[] {
  return Object.entries(definition.properties)
    .filter(([name, property]) => property.required && (inputs[name] === undefined || inputs[name] === null))
    .map(([name, property]) => {
      const terraform = property.terraform ?? name;
      return `Missing required argument. The argument "${terraform}" is required, but no definition was found.. Examine values at '${logicalName}.${name}'.`;
    });
}

function wasDefaulted(olds: Bag, name: string): boolean {
  const defaults = olds["__defaults"];
  return olds[name] !== undefined && (!Array.isArray(defaults) || defaults.includes(name));
}

/** `<logical name>-<7 hex digits>`, from the engine's seed so that a retry gives the same. */
function autoname({ logicalName, randomSeed }: { logicalName: string; randomSeed: Uint8Array }): string {
  const digest = createHash("sha256").update(randomSeed).digest("hex");
  return `${logicalName}-${digest.slice(0, 7)}`;
}

function markBlocks(definition: ResourceDefinition, inputs: Bag): void {
  for (const [name, property] of Object.entries(definition.properties)) {
    const value = inputs[name];
    if (!property.block || !Array.isArray(value) || isUnknown(value)) continue;
    inputs[name] = value.map((member) => (isBag(member) ? { __defaults: [], ...member } : member));
  }
}

/** Without the bridge's marks: what the resource's own functions see. */
export function plainInputs(inputs: Bag): Bag {
  return stripMarks(inputs) as Bag;
}

function stripMarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripMarks);
  if (!isBag(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "__defaults")
      .map(([key, member]) => [key, stripMarks(member)]),
  );
}
