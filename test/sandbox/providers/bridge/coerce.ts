/** Types that the bridge puts right by itself: `"7"` where Terraform wants a number, `7` where it wants a string. */
import type { Field, ScalarType } from "./fields.ts";
import { isBag, isUnknown } from "./values.ts";

export function coerce(field: Field, value: unknown): unknown {
  if (isUnknown(value)) return value;
  if (Array.isArray(value)) return value.map((member) => coerceMember(field, member));
  if (!isBag(value)) return field.fields ? value : coerceScalar(scalarOf(field), value);
  if (field.fields && field.type === "object") return coerceMember(field, value);
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, coerceScalar(field.items ?? "string", member)]),
  );
}

function coerceMember(field: Field, member: unknown): unknown {
  const { fields } = field;
  if (!fields) return coerceScalar(field.items ?? "string", member);
  if (!isBag(member)) return member;
  return Object.fromEntries(
    Object.entries(member).map(([name, value]) => {
      const inner = fields[name];
      return [name, inner ? coerce(inner, value) : value];
    }),
  );
}

/** Type of a scalar, or of the scalars in a collection. */
export function scalarOf(field: Field): ScalarType {
  switch (field.type) {
    case "string":
    case "integer":
    case "number":
    case "boolean":
      return field.type;
    case "list":
    case "set":
    case "map":
    case "object":
      return field.items ?? "string";
  }
}

function coerceScalar(type: ScalarType, value: unknown): unknown {
  if (isUnknown(value)) return value;
  switch (type) {
    case "string":
      return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
    case "integer":
    case "number":
      return typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
    case "boolean":
      return value === "true" ? true : value === "false" ? false : value;
  }
}
