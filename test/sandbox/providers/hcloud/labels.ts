/** Label rules that the official provider checks before it asks the API. */
import { isBag } from "../bridge/values.ts";

const key =
  /^([a-z0-9A-Z]((?:[-_.]|[a-z0-9A-Z]){0,253}[a-z0-9A-Z])?\/)?[a-z0-9A-Z]((?:[-_.]|[a-z0-9A-Z]){0,61}[a-z0-9A-Z])?$/;
const value = /^(([a-z0-9A-Z](?:[-_.]|[a-z0-9A-Z]){0,61})?[a-z0-9A-Z])?$/;

export function badLabels(labels: unknown): string[] {
  if (!isBag(labels)) return [];
  return Object.entries(labels).flatMap(([name, text]) => {
    if (!key.test(name)) return [`label key '${name}' is not correctly formatted`];
    return typeof text === "string" && !value.test(text)
      ? [`label value '${text}' (key: ${name}) is not correctly formatted`]
      : [];
  });
}
