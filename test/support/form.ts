/** Reads `application/x-www-form-urlencoded` in the bracket notation that Stripe uses, and query strings. */

export type FormValue = string | FormValue[] | { [key: string]: FormValue };

/**
 * `a[b]=1&a[c][0]=2&id=3&id=4` becomes `{ a: { b: "1", c: ["2"] }, id: ["3", "4"] }`.
 * Every leaf stays a string; whoever validates coerces.
 */
export function decodeForm(text: string): { [key: string]: FormValue } {
  const root: { [key: string]: FormValue } = {};
  for (const [key, value] of new URLSearchParams(text)) place(root, toPath(key), value);
  return mapParts(root);
}

function toPath(key: string): string[] {
  const [head = "", ...rest] = key.split("[");
  return [head, ...rest.map((part) => part.replace(/\]$/, ""))];
}

function place(into: { [key: string]: FormValue }, path: string[], value: string): void {
  const [head = "", ...rest] = path;
  const known = Object.hasOwn(into, head) ? into[head] : undefined;
  if (rest.length === 0) {
    if (known === undefined) into[head] = value;
    else into[head] = Array.isArray(known) ? [...known, value] : [known, value];
    return;
  }
  if (rest.length === 1 && rest[0] === "") {
    into[head] = Array.isArray(known) ? [...known, value] : [value];
    return;
  }
  const inner = isRecord(known) ? known : {};
  into[head] = inner;
  place(inner, rest, value);
}

function listsFromIndexes(value: FormValue): FormValue {
  if (Array.isArray(value)) return value.map(listsFromIndexes);
  if (!isRecord(value)) return value;
  const keys = Object.keys(value);
  const parts = mapParts(value);
  const indexed = keys.length > 0 && keys.every((key, index) => key === String(index));
  return indexed ? Object.values(parts) : parts;
}

function mapParts(value: { [key: string]: FormValue }): { [key: string]: FormValue } {
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, listsFromIndexes(part)]));
}

function isRecord(value: FormValue | undefined): value is { [key: string]: FormValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
