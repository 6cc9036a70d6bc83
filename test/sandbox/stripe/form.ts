/** Stripe's form bodies: brackets become objects and arrays. Pure. */

export type Params = { [name: string]: Param };
export type Param = string | Params | Param[];

export function parseForm(text: string): Params {
  const root: Params = {};
  for (const [name, value] of new URLSearchParams(text)) assign(root, splitName(name), value);
  return arrayify(root) as Params;
}

/** `items[0][price]` -> items, 0, price; `expand[]` -> expand, "". */
function splitName(name: string): string[] {
  const first = name.indexOf("[");
  if (first === -1) return [name];
  return [
    name.slice(0, first),
    ...[...name.slice(first).matchAll(/\[([^\]]*)\]/g)].map((match) => match[1] ?? ""),
  ];
}

function assign(target: Params, path: string[], value: string): void {
  const [head = "", ...rest] = path;
  const key = head === "" ? String(Object.keys(target).length) : head;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const next = target[key];
  const child: Params = typeof next === "object" && !Array.isArray(next) ? next : {};
  target[key] = child;
  assign(child, rest, value);
}

/** Objects whose keys are 0, 1, 2 … are lists. */
function arrayify(value: Param): Param {
  if (typeof value !== "object" || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, arrayify(member)] as const);
  const isList = entries.length > 0 && entries.every(([key], index) => key === String(index));
  return isList ? entries.map(([, member]) => member) : Object.fromEntries(entries);
}

export function textOf(params: Params, name: string): string | undefined {
  const value = params[name];
  return typeof value === "string" ? value : undefined;
}

export function numberOf(params: Params, name: string): number | undefined {
  const text = textOf(params, name);
  return text === undefined || text === "" ? undefined : Number(text);
}

export function objectOf(params: Params, name: string): Params {
  const value = params[name];
  return typeof value === "object" && !Array.isArray(value) ? value : {};
}

export function listOf(params: Params, name: string): Param[] {
  const value = params[name];
  return Array.isArray(value) ? value : [];
}

export function stringsOf(params: Params): Record<string, string> {
  return Object.fromEntries(
    Object.entries(params).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
