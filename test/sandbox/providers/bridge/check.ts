/** The Check step: required arguments, a made-up name, defaults, and the bridge's own bookkeeping. */
import { makeName, type NameSource } from "./autoname.ts";
import { coerce } from "./coerce.ts";
import type { Problem, ResourceDefinition } from "./definition.ts";
import { isBlock, isZero, terraformName, type Field, type Fields } from "./fields.ts";
import type { CheckResult } from "./plugin.ts";
import { isAbsent, isBag, isUnknown, type Bag } from "./values.ts";

type Checked = Pick<ResourceDefinition<unknown>, "style" | "fields" | "autoname" | "prepare" | "validate">;

/** `olds` are the inputs of last time: a name made up then stays. */
export function checkInputs(definition: Checked, news: Bag, olds: Bag, source: NameSource): CheckResult {
  const given = withoutNulls(definition.prepare ? definition.prepare(news) : news);
  delete given["__defaults"];
  const problems = [
    ...missing(definition, given),
    ...Object.entries(definition.fields).flatMap(([name, field]) => refusals(name, field, given[name])),
    ...(definition.validate?.(given) ?? []),
  ];
  const inputs: Bag = {};
  for (const [name, value] of Object.entries(given)) {
    const field = definition.fields[name];
    inputs[name] = field ? coerce(field, value) : value;
  }
  if (definition.style === "sdkv2") addDefaults(definition.fields, inputs, olds, definition, source);
  else if (definition.autoname && inputs["name"] === undefined) {
    inputs["name"] = olds["name"] ?? makeName(source);
  }
  return { inputs, failures: problems.map((problem) => toFailure(problem, source.logicalName)) };
}

function missing({ style, fields, autoname }: Checked, inputs: Bag): Problem[] {
  return Object.entries(fields)
    .filter(([name, field]) => field.required && inputs[name] === undefined && !(autoname && name === "name"))
    .map(([name, field]) => {
      if (style === "framework") return { reason: `Missing required property '${name}'` };
      return { path: name, reason: missingArgument(name, field) };
    });
}

function missingArgument(name: string, field: Field): string {
  const argument = `The argument "${terraformName(name, field)}" is required, but no definition was found.`;
  return `Missing required argument. ${argument}`;
}

function refusals(path: string, field: Field, value: unknown): Problem[] {
  if (value === undefined || isUnknown(value)) return [];
  const reason = field.refuse?.(value);
  const own = reason === undefined ? [] : [{ path, reason }];
  if (!field.fields || !Array.isArray(value)) return own;
  // Members of a set have no place of their own in Terraform's paths.
  const inner = value.flatMap((member, index) =>
    memberProblems(field.type === "set" ? path : `${path}[${index}]`, field.fields ?? {}, member),
  );
  return [...own, ...inner];
}

function memberProblems(path: string, fields: Fields, member: unknown): Problem[] {
  if (!isBag(member)) return [];
  return Object.entries(fields).flatMap(([name, field]) => {
    const value = isAbsent(member[name]) ? undefined : member[name];
    if (value === undefined && field.required) {
      return [{ path: `${path}.${name}`, reason: missingArgument(name, field) }];
    }
    return refusals(`${path}.${name}`, field, value);
  });
}

function toFailure({ path, reason }: Problem, logicalName: string): string {
  return path === undefined ? reason : `${reason}. Examine values at '${logicalName}.${path}'.`;
}

/**
 * Fills what SDKv2 defaults and lists it in `__defaults`, at every level. Defaults that are zero values are left out:
 * Terraform cannot tell them from nothing.
 */
function addDefaults(
  fields: Fields,
  inputs: Bag,
  olds: Bag,
  root?: Pick<Checked, "autoname">,
  source?: NameSource,
): void {
  const defaulted: string[] = [];
  if (root?.autoname && source && inputs["name"] === undefined) {
    inputs["name"] = wasDefaulted(olds, "name") ? olds["name"] : makeName(source);
    defaulted.push("name");
  }
  for (const [name, field] of Object.entries(fields)) {
    if (inputs[name] === undefined && !isZero(field.default)) {
      inputs[name] = wasDefaulted(olds, name) ? olds[name] : field.default;
      defaulted.push(name);
    }
    if (isBlock(field)) inputs[name] = inBlocks(field, inputs[name], olds[name]);
    if (inputs[name] === undefined) delete inputs[name];
  }
  inputs["__defaults"] = defaulted.toSorted();
}

function inBlocks(field: Field, value: unknown, old: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((member, index) => {
    if (!isBag(member)) return member;
    const before: unknown = Array.isArray(old) ? old[index] : undefined;
    const inner: Bag = withoutNulls(member);
    addDefaults(field.fields ?? {}, inner, isBag(before) ? before : {});
    return inner;
  });
}

function wasDefaulted(olds: Bag, name: string): boolean {
  const defaults = olds["__defaults"];
  return olds[name] !== undefined && (!Array.isArray(defaults) || defaults.includes(name));
}

function withoutNulls(bag: Bag): Bag {
  return Object.fromEntries(Object.entries(bag).filter(([, value]) => !isAbsent(value)));
}

/** Without the bridge's marks: what the resource's own functions see. */
export function withoutMarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (!isBag(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "__defaults" && key !== "__meta" && key !== "__pulumi_raw_state_delta")
      .map(([key, member]) => [key, withoutMarks(member)]),
  );
}
