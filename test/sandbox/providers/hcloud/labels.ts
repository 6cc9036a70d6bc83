/** Labels: a map that the official provider checks before it asks the API. */
import type { Field } from "../bridge/fields.ts";
import { bagOf, isBag } from "../bridge/values.ts";

const key =
  /^([a-z0-9A-Z]((?:[-_.]|[a-z0-9A-Z]){0,253}[a-z0-9A-Z])?\/)?[a-z0-9A-Z]((?:[-_.]|[a-z0-9A-Z]){0,61}[a-z0-9A-Z])?$/;
const value = /^(([a-z0-9A-Z](?:[-_.]|[a-z0-9A-Z]){0,61})?[a-z0-9A-Z])?$/;

export const labelsField: Field = {
  type: "map",
  refuse: refuseLabels,
  from: (seen) => bagOf(seen["labels"]),
};

function refuseLabels(labels: unknown): string | undefined {
  if (!isBag(labels)) return undefined;
  for (const [name, text] of Object.entries(labels)) {
    if (!key.test(name)) return `label key '${name}' is not correctly formatted`;
    if (typeof text === "string" && !value.test(text)) {
      return `label value '${text}' (key: ${name}) is not correctly formatted`;
    }
  }
  return undefined;
}
