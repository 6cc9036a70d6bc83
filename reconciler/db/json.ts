/** Values on their way into `jsonb` parameters. */
import type { JSONValue } from "postgres";

/** What JSON keeps of a value: dates become ISO strings, absent keys disappear. */
export function toJson(value: unknown): JSONValue {
  const text = JSON.stringify(value);
  if (text === undefined) return null;
  const parsed: JSONValue = JSON.parse(text);
  return parsed;
}
