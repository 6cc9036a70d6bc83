/**
 * The order in which Terraform's older kit lists a set: by a checksum of each member. It decides the order of firewall
 * rules and ids on the wire. Source: terraform-plugin-sdk v2, helper/schema (serialize.go, set.go).
 */
import { crc32 } from "node:zlib";
import { scalarOf } from "./coerce.ts";
import { isList, terraformName, type Field, type Fields, type ScalarType } from "./fields.ts";
import { bagOf, isBag, listOf } from "./values.ts";

/** Members of a set as the provider's code sees them. */
export function inSetOrder(field: Field, members: unknown): unknown[] {
  const coded = listOf(members).map((member) => ({
    member,
    code: String(crc32(serializeMember(field, member))),
  }));
  return coded.toSorted((a, b) => (a.code < b.code ? -1 : 1)).map(({ member }) => member);
}

function serializeMember(field: Field, member: unknown): string {
  return field.fields ? serializeObject(field.fields, member) : `${scalar(field.items ?? "string", member)};`;
}

function serializeObject(fields: Fields, value: unknown): string {
  const bag = bagOf(value);
  return Object.entries(fields)
    .filter(([, field]) => !field.output)
    .map(([name, field]) => ({ terraform: terraformName(name, field), field, value: bag[name] }))
    .toSorted((a, b) => (a.terraform < b.terraform ? -1 : 1))
    .map(({ terraform, field, value: member }) => `${terraform}:${serializeField(field, member)};`)
    .join("");
}

function serializeField(field: Field, value: unknown): string {
  if (field.type === "map") {
    const entries = Object.entries(bagOf(value)).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `[${entries.map(([key, member]) => `${key}:${scalar("string", member)};`).join("")}]`;
  }
  if (!isList(field)) return scalar(scalarOf(field), value);
  const members = field.type === "set" ? inSetOrder(field, value) : listOf(value);
  const text = members
    .map((member) =>
      isBag(member) ? `<${serializeMember(field, member)}>;` : serializeMember(field, member),
    )
    .join("");
  return field.type === "set" ? `{${text}}` : `(${text})`;
}

/** Nothing is the zero value. */
function scalar(type: ScalarType, value: unknown): string {
  switch (type) {
    case "boolean":
      return value === true ? "1" : "0";
    case "integer":
    case "number":
      return typeof value === "number" ? String(value) : "0";
    case "string":
      return typeof value === "string" ? value : "";
  }
}
