/**
 * `__pulumi_raw_state_delta`: what the bridge needs beside the state to get Terraform's own form back. Source:
 * pulumi-terraform-bridge 3.135, rawstate.go.
 */
import { isList, snakeCase, terraformName, type Field, type Fields } from "./fields.ts";
import { isBag, type Bag } from "./values.ts";

export const rawStateKey = "__pulumi_raw_state_delta";

/** `{ obj: { ps, renamed } }`; members that would be empty are left out. */
export function rawStateDelta(fields: Fields, state: Bag): Bag {
  const parts: Bag = {};
  const renamed: Bag = {};
  for (const [name, field] of Object.entries(fields)) {
    const delta = deltaOf(field, state[name]);
    if (delta) parts[name] = delta;
    if (name in state && terraformName(name, field) !== snakeCase(name))
      renamed[name] = terraformName(name, field);
  }
  return { obj: { ...unlessEmpty("ps", parts), ...unlessEmpty("renamed", renamed) } };
}

function deltaOf(field: Field, value: unknown): Bag | undefined {
  if (isList(field) && Array.isArray(value)) {
    const { fields } = field;
    const members = fields
      ? Object.fromEntries(
          value.map((member, index) => [String(index), rawStateDelta(fields, isBag(member) ? member : {})]),
        )
      : {};
    return { arr: unlessEmpty("el", members) };
  }
  if (!isBag(value)) return undefined;
  return field.type === "object" ? rawStateDelta(field.fields ?? {}, value) : { map: {} };
}

function unlessEmpty(name: string, bag: Bag): Bag {
  return Object.keys(bag).length === 0 ? {} : { [name]: bag };
}
