/** The state that Terraform would plan: the inputs, defaults, what stays, and unknowns for what the cloud decides. */
import type { ResourceDefinition } from "./definition.ts";
import { isBlock, isCollection, isList, type Field, type Fields } from "./fields.ts";
import { isAbsent, isBag, isSame, isUnknown, unknownValue, type Bag } from "./values.ts";

type Planned = Pick<ResourceDefinition<unknown>, "style" | "fields">;

/** `prior` is the state before; undefined for a resource that does not exist yet. `inputs` carry no marks. */
export function planState(definition: Planned, prior: Bag | undefined, inputs: Bag): Bag {
  const planned = Object.fromEntries(
    Object.entries(definition.fields).map(([name, field]) => [
      name,
      planField(field, { has: prior !== undefined, value: prior?.[name] }, inputs[name], inputs),
    ]),
  );
  return definition.style === "framework" && prior
    ? withVolatile(definition.fields, prior, planned)
    : planned;
}

type Prior = { has: boolean; value: unknown };

function planField(field: Field, prior: Prior, given: unknown, inputs: Bag): unknown {
  if (field.output) return prior.has ? (prior.value ?? null) : unknownValue;
  if (isAbsent(given)) {
    if (field.default !== undefined) return field.default;
    if (field.sticky && prior.has) return prior.value ?? null;
    if (field.computed) return prior.has ? (prior.value ?? null) : unknownValue;
    return isBlock(field) ? [] : null;
  }
  const wanted = normalize(field, given);
  return prior.has && field.sameAs?.(prior.value, wanted, inputs) ? prior.value : wanted;
}

function normalize(field: Field, given: unknown): unknown {
  if (isUnknown(given)) return unknownValue;
  if (field.stateOf && typeof given === "string") return field.stateOf(given);
  const { fields } = field;
  if (!fields) return given;
  if (isList(field) && Array.isArray(given)) return given.map((member) => fillMember(fields, member));
  return given;
}

/** Every property of a block's member, as Terraform's state has it. */
function fillMember(fields: Fields, member: unknown): unknown {
  if (!isBag(member)) return isUnknown(member) ? unknownValue : member;
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      planField(field, { has: false, value: undefined }, member[name], member),
    ]),
  );
}

/** In the framework half anything computed may change with an update, unless the provider says that it stays. */
function withVolatile(fields: Fields, prior: Bag, planned: Bag): Bag {
  const differs = Object.keys(fields).some((name) => !isSame(prior[name] ?? null, planned[name] ?? null));
  if (!differs) return planned;
  const shown: Bag = { ...planned };
  for (const [name, field] of Object.entries(fields)) if (field.volatile) shown[name] = unknownValue;
  return shown;
}

/** The plan with nothing in the place of what is not known: what a half-made resource has in the state. */
export function settle(fields: Fields, planned: Bag): Bag {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, settleValue(field, planned[name])]),
  );
}

function settleValue(field: Field, value: unknown): unknown {
  if (isUnknown(value)) return isCollection(field) ? emptyOf(field) : null;
  const { fields } = field;
  if (!fields || !Array.isArray(value)) return value ?? null;
  return value.map((member) => (isBag(member) ? settle(fields, member) : member));
}

function emptyOf(field: Field): unknown {
  return field.type === "map" ? {} : [];
}

/** What the functions of a resource get: the plan with the inputs' own text, and undefined for nothing. */
export function wantedOf(definition: Planned, planned: Bag, inputs: Bag): Bag {
  const wanted: Bag = {};
  for (const [name, field] of Object.entries(definition.fields)) {
    if (field.output) continue;
    const value = field.stateOf ? inputs[name] : planned[name];
    if (!isAbsent(value) && !isUnknown(value)) wanted[name] = value;
  }
  return wanted;
}
